"""The HTTP calls."""

from http import HTTPStatus
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI, Query, Router, Status
from ninja.errors import HttpError, ValidationError
from ninja.responses import Response

from .. import api as own_api
from ..rooms import metrics
from ..rooms.errors import RoomsError
from ..rooms.protocol.frames import problems
from . import about, access
from .answers import answer_to
from .manager import manager_of
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
from .security import GuestOrKey, RequireKey

api = NinjaAPI(title=about.TITLE, version=about.VERSION, description=about.SUMMARY)
# Those that take the API key.
keyed = Router(tags=["rooms"], auth=RequireKey(), by_alias=True)


def _problems(*statuses: int) -> dict[int, type[Problem]]:
    return dict.fromkeys(statuses, Problem)


@api.get("/readyz", tags=["health"], response={200: Health, **_problems(503)})
async def readyz(request: HttpRequest) -> Status[Health | Problem]:
    """Whether the process takes clients."""
    if await manager_of(request).ready():
        return Status(200, Health(status="ok"))
    return Status(503, Problem(detail="This process takes no clients now."))


@api.get("/metrics", include_in_schema=False)
async def read_metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus scrapes."""
    scope = request.scope  # type: ignore[attr-defined]  # ASGI's
    access.check_reader(scope, manager_of(request).config)
    return HttpResponse(metrics.expose(), content_type=metrics.CONTENT_TYPE)


@keyed.post("", response={201: CreatedRoom, **_problems(401, 409, 422)})
async def create_room(request: HttpRequest, room: NewRoom) -> Status[CreatedRoom]:
    """Create a room."""
    created = await manager_of(request).create_room(
        room.name, password=room.password, capacity=room.capacity, presence=room.presence
    )
    return Status(201, CreatedRoom(name=created.name))


@keyed.delete("/{room}", response={204: None, **_problems(401, 404)})
async def delete_room(request: HttpRequest, room: str) -> Status[None]:
    """Delete a room; its members' connections close."""
    await manager_of(request).close_room(room)
    return Status(204, None)


@api.post(
    "/rooms/{room}/tokens",
    tags=["rooms"],
    auth=GuestOrKey(),
    response={201: IssuedToken, **_problems(401, 403, 404, 422, 429)},
)
async def issue_token(request: HttpRequest, room: str, body: TokenRequest) -> Status[IssuedToken]:
    """Exchange a name, and a password where the room has one, for a token."""
    trusted = request.auth == "trusted"  # type: ignore[attr-defined]  # ninja sets it
    address = None if trusted else request.META["REMOTE_ADDR"]
    token = await manager_of(request).issue_token(
        room, body.user, body.ttl, address=address, password=body.password, publish=body.publish
    )
    return Status(201, IssuedToken(token=token, expires_in=body.ttl))


@keyed.get("/{room}/members", response={200: RoomMembers, **_problems(401, 404)})
async def read_members(request: HttpRequest, room: str) -> RoomMembers:
    """Name the members of a room."""
    return RoomMembers(members=await manager_of(request).members(room))


@keyed.get("/{room}/messages", response={200: RoomMessages, **_problems(401, 404, 422)})
async def read_messages(
    request: HttpRequest,
    room: str,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=MAX_MESSAGES)] = DEFAULT_MESSAGES,
) -> RoomMessages:
    """Read what follows a position; without one, what was said last."""
    return RoomMessages.of(await manager_of(request).messages(room, after, limit))


@keyed.post("/{room}/messages", response={202: SaidMessage, **_problems(401, 404, 413, 422)})
async def say(request: HttpRequest, room: str, message: NewMessage) -> Status[SaidMessage]:
    """Say something to a room."""
    position = await manager_of(request).publish(
        room, message.body, user=message.sender, id=message.id
    )
    return Status(202, SaidMessage(position=position))


@keyed.post("/{room}/frames", response={202: None, **_problems(401, 404, 413, 422)})
async def send_frame(request: HttpRequest, room: str, body: NewFrame) -> Status[None]:
    """Send a frame that is not kept to everyone in a room now, or to one user."""
    manager = manager_of(request)
    if body.user is None:
        await manager.broadcast(room, body.frame)
    else:
        await manager.send_to_user(room, body.user, body.frame)
    return Status(202, None)


@keyed.delete("/{room}/members/{path:user}", response={204: None, **_problems(401, 404)})
async def remove_member(request: HttpRequest, room: str, user: str) -> Status[None]:
    """Close a user's connections to a room, in whatever process."""
    await manager_of(request).remove_user(room, user)
    return Status(204, None)


api.add_router("/rooms", keyed)
api.add_router("", own_api.router)


@api.exception_handler(RoomsError)
def rooms_error(request: HttpRequest, error: RoomsError) -> HttpResponse:
    """Answer a call that cannot be carried out."""
    content, status, headers = answer_to(error)
    return Response(content, status=status, headers=headers)


@api.exception_handler(ValidationError)
def validation_error(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer a body that has other fields than it takes."""
    # Of a body the second part of the location is the name of the view's argument.
    parts = {"body": 2}
    located = [{**one, "loc": one["loc"][parts.get(one["loc"][0], 1) :]} for one in error.errors]
    detail = problems(located, skip=0)
    return Response({"detail": detail}, status=HTTPStatus.UNPROCESSABLE_ENTITY)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer a body that can't be read, which ninja calls a bad request."""
    unreadable = error.status_code == HTTPStatus.BAD_REQUEST and error.__cause__ is not None
    status = HTTPStatus.UNPROCESSABLE_ENTITY if unreadable else error.status_code
    return Response({"detail": str(error)}, status=status)
