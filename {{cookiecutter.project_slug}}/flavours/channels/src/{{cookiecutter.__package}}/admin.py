"""Your models in the admin."""
