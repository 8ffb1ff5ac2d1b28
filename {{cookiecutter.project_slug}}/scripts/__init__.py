"""Commands for whoever works on this service: `uv run python -m scripts.…`."""
