"""The Django app around the rooms."""
