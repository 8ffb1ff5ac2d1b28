"""What this distribution says of itself."""

from importlib.metadata import metadata

PACKAGE = __name__.partition(".")[0]

_metadata = metadata(PACKAGE)

TITLE = _metadata["Name"]
VERSION = _metadata["Version"]
SUMMARY = _metadata["Summary"]
