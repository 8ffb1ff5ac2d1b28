"""What this distribution says of itself."""

import sys
from importlib.metadata import metadata

PACKAGE = __name__.partition(".")[0]

_metadata = metadata(PACKAGE)

TITLE = _metadata["Name"]
VERSION = _metadata["Version"]
SUMMARY = _metadata["Summary"]


def printable_summary() -> str:
    """Return the summary, with escapes for what standard output can't encode, as on Windows."""
    return SUMMARY.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)
