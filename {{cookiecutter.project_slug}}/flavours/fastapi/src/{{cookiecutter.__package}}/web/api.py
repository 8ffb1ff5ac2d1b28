"""The HTTP calls."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.convertors import PathConvertor, register_url_convertor

from .dependencies import Address, IsTrusted, Manager, RequireKey
from .schemas import (
    DEFAULT_MESSAGES,
    MAX_MESSAGES,
    CreatedRoom,
    Health,
    IssuedToken,
    NewFrame,
    NewMessage,
    NewRoom,
    Problem,
    RoomMembers,
    RoomMessages,
    SaidMessage,
    TokenRequest,
)


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


class _JsonRoute(APIRoute):
    """Reads a body as JSON whatever its `Content-Type`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def handle_untyped(request: Request) -> Response:
            headers = [one for one in request.scope["headers"] if one[0] != b"content-type"]
            return await handle(Request({**request.scope, "headers": headers}, request.receive))

        return handle_untyped


class _UserConvertor(PathConvertor):
    """A user's name, which may have slashes; Starlette's own path may be empty."""

    # A pattern's end is also before a line's last break.
    regex = r".+(?!\n)"


register_url_convertor("user", _UserConvertor())
router = APIRouter(responses=_problems(422, 503), route_class=_JsonRoute)
# Those that take the API key.
keyed = APIRouter(
    prefix="/rooms",
    tags=["rooms"],
    dependencies=[RequireKey],
    responses=_problems(401),
    route_class=_JsonRoute,
)


@router.get("/readyz", tags=["health"], response_model=Health)
async def readyz(manager: Manager) -> Response | Health:
    """Whether the process takes clients."""
    if await manager.ready():
        return Health(status="ok")
    return JSONResponse({"detail": "This process takes no clients now."}, 503)


@keyed.post("", status_code=201, responses=_problems(409))
async def create_room(room: NewRoom, manager: Manager) -> CreatedRoom:
    """Create a room."""
    created = await manager.create_room(
        room.name, password=room.password, capacity=room.capacity, presence=room.presence
    )
    return CreatedRoom(name=created.name)


@keyed.delete("/{room}", status_code=204, responses=_problems(404))
async def delete_room(room: str, manager: Manager) -> None:
    """Delete a room; its members' connections close."""
    await manager.close_room(room)


@router.post(
    "/rooms/{room}/tokens",
    status_code=201,
    tags=["rooms"],
    responses=_problems(401, 403, 404, 429),
)
async def issue_token(
    room: str, request: TokenRequest, manager: Manager, address: Address, *, trusted: IsTrusted
) -> IssuedToken:
    """Exchange a name, and a password where the room has one, for a token."""
    token = await manager.issue_token(
        room,
        request.user,
        request.ttl,
        address=None if trusted else address,
        password=request.password,
        publish=request.publish,
    )
    return IssuedToken(token=token, expires_in=request.ttl)


@keyed.get("/{room}/members", responses=_problems(404))
async def read_members(room: str, manager: Manager) -> RoomMembers:
    """Name the members of a room."""
    return RoomMembers(members=await manager.members(room))


@keyed.get("/{room}/messages", responses=_problems(404))
async def read_messages(
    room: str,
    manager: Manager,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_MESSAGES)] = DEFAULT_MESSAGES,
) -> RoomMessages:
    """Read what follows a position; without one, what was said last."""
    return RoomMessages.of(await manager.messages(room, after, limit))


@keyed.post("/{room}/messages", status_code=202, responses=_problems(404, 413))
async def say(room: str, message: NewMessage, manager: Manager) -> SaidMessage:
    """Say something to a room."""
    position = await manager.publish(room, message.body, user=message.sender, id=message.id)
    return SaidMessage(position=position)


@keyed.post(
    "/{room}/frames",
    status_code=202,
    response_class=Response,
    responses=_problems(404, 413),
)
async def send_frame(room: str, request: NewFrame, manager: Manager) -> None:
    """Send a frame that is not kept to everyone in a room now, or to one user."""
    if request.user is None:
        await manager.broadcast(room, request.frame)
    else:
        await manager.send_to_user(room, request.user, request.frame)


@keyed.delete("/{room}/members/{user:user}", status_code=204, responses=_problems(404))
async def remove_member(room: str, user: str, manager: Manager) -> None:
    """Close a user's connections to a room, in whatever process."""
    await manager.remove_user(room, user)


router.include_router(keyed)
