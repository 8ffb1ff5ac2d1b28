"""What a browser gets: HTML that asks no other host, and headers that let nothing else in."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'"
    ),
    "Content-Type": "text/html; charset=utf-8",
    "Referrer-Policy": "no-referrer",
}

_LESSONS = b'<script type="module" src="static/lessons.js"></script>'


def rooms_page(*, debug: bool) -> bytes:
    """The page on which people talk; with `debug` it also shows how that works."""
    return (STATIC / "index.html").read_bytes().replace(_LESSONS, _LESSONS if debug else b"")


def protocol_page() -> bytes:
    """The page that shows the protocol's description."""
    return (STATIC / "protocol.html").read_bytes()
