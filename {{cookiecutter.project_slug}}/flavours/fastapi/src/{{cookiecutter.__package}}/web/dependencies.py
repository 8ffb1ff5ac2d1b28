"""What endpoints ask for. A test replaces any of these by `app.dependency_overrides`."""

from typing import Annotated

from fastapi import Depends, FastAPI, Request, Security
from fastapi.requests import HTTPConnection
from fastapi.security import APIKeyHeader

from ..rooms.manager import ConnectionManager
from ..server.handshake import address_of, read_headers
from . import access

_authorization = APIKeyHeader(
    name="Authorization", auto_error=False, description="`Bearer <API_KEY>`"
)


def get_manager(connection: HTTPConnection) -> ConnectionManager:
    """The connection manager, for HTTP calls and sockets alike."""
    manager: ConnectionManager = connection.app.state.manager
    return manager


def manager_of(app: FastAPI) -> ConnectionManager:
    """The manager that endpoints get, an override included, for what has no request."""
    overriding = app.dependency_overrides.get(get_manager)
    manager: ConnectionManager = overriding() if overriding else app.state.manager
    return manager


def get_authorization(
    connection: HTTPConnection, _: Annotated[str | None, Security(_authorization)] = None
) -> str | None:
    """The `Authorization` header, also where it is empty or repeated."""
    return read_headers(connection.scope["headers"]).get("authorization")


Manager = Annotated[ConnectionManager, Depends(get_manager)]
Authorization = Annotated[str | None, Depends(get_authorization)]


def require_key(authorization: Authorization, manager: Manager) -> None:
    """Let only a caller with the API key pass."""
    access.require_key(authorization, manager.config)


def is_trusted(authorization: Authorization, manager: Manager) -> bool:
    """Let guests pass where they are allowed; whether the caller has the API key."""
    return access.guest_or_key(authorization, manager.config)


def get_address(request: Request) -> str:
    """The caller's address; empty where the server has none."""
    return address_of(request.scope)


def check_caller(request: Request) -> None:
    """Do for a request what its endpoint asks for of the two above.

    Raises:
        UnauthorizedError: the caller may not make this call.
    """
    asked = {one.call for one in request.scope["route"].dependant.dependencies}
    for check in asked.intersection({require_key, is_trusted}):
        check(get_authorization(request), manager_of(request.app))


RequireKey = Depends(require_key)
Address = Annotated[str, Depends(get_address)]
IsTrusted = Annotated[bool, Depends(is_trusted)]
