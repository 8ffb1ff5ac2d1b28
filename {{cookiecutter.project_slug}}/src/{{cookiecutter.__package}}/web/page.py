"""What a browser gets: HTML that asks no other host, and headers that let nothing else in."""

from pathlib import Path
from typing import Any

from ..rooms.config import ServiceConfig
from ..rooms.protocol.asyncapi import describe
from ..rooms.service import Service
from . import about

STATIC = Path(__file__).parents[1] / "static"
# Of static files, beside the types that Python and WhiteNoise know without the machine's table.
TYPES = {".js": "text/javascript", ".ts": "text/plain"}

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


def protocol(service: Service) -> dict[str, Any]:
    """Describe the protocol as AsyncAPI does, with what a service adds to it."""
    host, port = (ServiceConfig.model_fields[name].default for name in ("host", "port"))
    own = service.declared(about.PACKAGE)
    return describe(about.TITLE, about.VERSION, about.SUMMARY, f"{host}:{port}", own)
