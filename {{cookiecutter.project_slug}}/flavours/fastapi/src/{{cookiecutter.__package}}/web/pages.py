"""What a browser is shown, and Prometheus."""

from mimetypes import MimeTypes
from os import PathLike, stat_result
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from ..rooms import metrics
from . import page
from .access import check_reader
from .dependencies import Manager

router = APIRouter(include_in_schema=False)

# The machine's table may call scripts plain text, which no browser runs.
_types = MimeTypes()
for _suffix, _type in page.TYPES.items():
    _types.add_type(_type, _suffix)


class Files(StaticFiles):
    """Serves the same files under the same types on every machine."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, whole: what Starlette says of a wrong `Range` is no JSON."""
        headers = [one for one in scope["headers"] if one[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        """Find a file by a name that the folder lists: Windows also opens others, as `con`."""
        names = {str(file.relative_to(page.STATIC)) for file in page.STATIC.rglob("*")}
        return super().lookup_path(path) if path in names else ("", None)

    def file_response(self, full_path: str | PathLike[str], *args: Any, **more: Any) -> Response:
        """Answer with a file."""
        response = super().file_response(full_path, *args, **more)
        kind = _types.guess_type(full_path)[0] or "application/octet-stream"
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        response.headers["Content-Type"] = kind + charset
        return response


@router.get("/")
async def index(manager: Manager) -> Response:
    """The page on which people talk."""
    return Response(page.rooms_page(debug=manager.config.debug), headers=page.HEADERS)


@router.get("/docs/socket")
async def protocol() -> Response:
    """The page that shows the protocol."""
    return Response(page.protocol_page(), headers=page.HEADERS)


@router.get("/asyncapi.json")
async def asyncapi(manager: Manager) -> JSONResponse:
    """The description of the protocol."""
    return JSONResponse(page.protocol(manager.service))


@router.get("/metrics")
async def read_metrics(request: Request, manager: Manager) -> Response:
    """What Prometheus scrapes."""
    check_reader(request.scope, manager.config)
    return Response(metrics.expose(), headers={"Content-Type": metrics.CONTENT_TYPE})
