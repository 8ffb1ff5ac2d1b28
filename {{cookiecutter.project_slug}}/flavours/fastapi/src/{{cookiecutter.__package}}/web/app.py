"""The FastAPI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from .. import api as own_api
from ..config import Config
from ..rooms.errors import RoomsError
from ..rooms.manager import ConnectionManager
from ..rooms.protocol.frames import problems
from ..server.middleware import SocketGuard
from . import about, api, page, pages, sockets
from .answers import answer_to
from .dependencies import check_caller, manager_of
from .manager import build_manager


def create_app(config: Config | None = None, manager: ConnectionManager | None = None) -> FastAPI:
    """Build the application around a manager.

    It defaults to one of your service with these settings; they to those of the environment.
    """
    manager = manager or build_manager(config)
    app = FastAPI(
        title=about.TITLE,
        version=about.VERSION,
        description=about.SUMMARY,
        lifespan=_lifespan,
        redirect_slashes=False,
        # A body without a `Content-Type` is JSON: the same in every flavour.
        strict_content_type=False,
    )
    app.state.manager = manager
    app.mount("/static", pages.Files(directory=page.STATIC))
    for router in (pages.router, api.router, own_api.router, sockets.router):
        app.include_router(router)
    app.exception_handler(RoomsError)(_rooms_error)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(RequestValidationError)(_validation_error)
    app.add_middleware(SocketGuard, config=manager.config)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    manager = manager_of(app)
    await manager.start()
    # The server drains this manager when it stops.
    yield {"manager": manager}
    await manager.stop()


async def _rooms_error(_: Request, error: RoomsError) -> JSONResponse:
    return JSONResponse(*answer_to(error))


async def _http_error(_: Request, error: HTTPException) -> JSONResponse:
    # FastAPI calls a body that it can't read a bad request.
    unreadable = error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__ is not None
    status = HTTPStatus.UNPROCESSABLE_ENTITY if unreadable else error.status_code
    return JSONResponse({"detail": error.detail}, status, error.headers)


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    # FastAPI reads the body first, but who may not call is told only that.
    try:
        check_caller(request)
    except RoomsError as unauthorized:
        return await _rooms_error(request, unauthorized)
    detail = problems(error.errors(), skip=1)
    return JSONResponse({"detail": detail}, HTTPStatus.UNPROCESSABLE_ENTITY)
