"""The rooms' streams in this process."""
