"""The HTTP calls."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from .dependencies import IsTrusted, Manager, RequireKey
from .rooms.requests import CreatedRoom, Health, IssuedToken, NewRoom, Problem, TokenRequest

Responses = dict[int | str, dict[str, Any]]

router = APIRouter(responses={422: {"model": Problem}})
_401: Responses = {401: {"model": Problem}}
_401_404: Responses = {**_401, 404: {"model": Problem}}


@router.get("/healthz", tags=["health"])
async def healthz() -> Health:
    """Whether the process lives."""
    return Health(status="ok")


@router.get("/readyz", tags=["health"], response_model=Health, responses={503: {"model": Problem}})
async def readyz(manager: Manager) -> Response | Health:
    """Whether the process takes clients."""
    if manager.draining:
        return JSONResponse({"detail": "This process is stopping."}, 503)
    return Health(status="ok")


@router.post(
    "/rooms",
    status_code=201,
    tags=["rooms"],
    dependencies=[RequireKey],
    responses={**_401, 409: {"model": Problem}},
)
async def create_room(room: NewRoom, manager: Manager) -> CreatedRoom:
    """Create a room."""
    created = await manager.create_room(
        room.name, password=room.password, capacity=room.capacity, presence=room.presence
    )
    return CreatedRoom(name=created.name)


@router.delete(
    "/rooms/{room}",
    status_code=204,
    tags=["rooms"],
    dependencies=[RequireKey],
    responses=_401_404,
)
async def delete_room(room: str, manager: Manager) -> None:
    """Delete a room; its members' connections close."""
    await manager.close_room(room)


@router.post(
    "/rooms/{room}/tokens",
    status_code=201,
    tags=["rooms"],
    responses={**_401_404, 403: {"model": Problem}},
)
async def issue_token(
    room: str, request: TokenRequest, manager: Manager, *, trusted: IsTrusted
) -> IssuedToken:
    """Exchange a name, and a password where the room has one, for a token."""
    token = await manager.issue_token(
        room, request.user, request.ttl, password=request.password, trusted=trusted
    )
    return IssuedToken(token=token, expires_in=request.ttl)
