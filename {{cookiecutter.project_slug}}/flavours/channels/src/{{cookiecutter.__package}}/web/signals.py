"""What follows from changes that are made elsewhere in Django."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest

from ..rooms.errors import NoRoomsError
from ..rooms.manager import ConnectionManager
from .models import Room
from .sessions import session_name
from .sync import blocking

_room_deleted = blocking(ConnectionManager.room_deleted)
_end_session = blocking(ConnectionManager.end_session)


@receiver(post_delete, sender=Room)
def close_deleted_room(instance: Room, **_: Any) -> None:
    """Close the connections of a room that was deleted, in the admin for example."""
    if not instance.manager_knows:
        transaction.on_commit(partial(_tell, _room_deleted, instance.name), robust=True)


@receiver(user_logged_out)
def close_sockets(request: HttpRequest, **_: Any) -> None:
    """Close the connections that a session made, when its user logs out."""
    if session := session_name(request.session):
        _tell(_end_session, session)


def _tell(verb: Callable[[str], None], what: str) -> None:
    # A process that serves and can't be told finds out by itself, within a minute.
    with suppress(NoRoomsError):
        verb(what)
