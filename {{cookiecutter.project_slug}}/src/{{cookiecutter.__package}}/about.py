"""What this distribution says of itself."""

from importlib.metadata import metadata

_metadata = metadata(__package__ or "")

TITLE = _metadata["Name"]
VERSION = _metadata["Version"]
SUMMARY = _metadata["Summary"]
