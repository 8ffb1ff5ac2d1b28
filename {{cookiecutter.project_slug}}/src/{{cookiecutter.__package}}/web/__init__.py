"""The adapter between the framework and the rooms."""
