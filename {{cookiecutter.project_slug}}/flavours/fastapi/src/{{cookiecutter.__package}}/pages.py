"""What a browser is shown, and Prometheus."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from . import page
from .dependencies import ConfigDependency
from .rooms import metrics
from .rooms.access import check_reader

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(config: ConfigDependency) -> Response:
    """The page on which people talk."""
    return Response(page.rooms_page(debug=config.debug), headers=page.HEADERS)


@router.get("/docs/socket")
async def protocol() -> Response:
    """The page that shows the protocol."""
    return Response(page.protocol_page(), headers=page.HEADERS)


@router.get("/asyncapi.json")
async def asyncapi() -> JSONResponse:
    """The description of the protocol."""
    return JSONResponse(page.protocol())


@router.get("/metrics")
async def read_metrics(request: Request, config: ConfigDependency) -> Response:
    """What Prometheus scrapes."""
    check_reader(request.scope, config)
    return Response(metrics.expose(), headers={"Content-Type": metrics.CONTENT_TYPE})
