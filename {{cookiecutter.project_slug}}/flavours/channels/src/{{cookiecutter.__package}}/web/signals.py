"""What follows from changes that are made elsewhere in Django."""

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from ..rooms.errors import NoRoomsError
from ..rooms.manager import ConnectionManager
from .models import Room
from .sessions import account_name, session_name
from .sync import account_changed, blocking

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


@receiver([post_save, post_delete], sender=settings.AUTH_USER_MODEL)
def ask_about_changed_user(
    instance: AbstractBaseUser,
    using: str,
    *,
    created: bool = False,
    update_fields: Collection[str] | None = None,
    **_: Any,
) -> None:
    """Close the connections of a user who may no longer be here, as one who was deactivated."""
    # Each login writes when it was.
    if not created and update_fields != {"last_login"}:
        tell = partial(_tell, account_changed, account_name(instance))
        transaction.on_commit(tell, using, robust=True)


def _tell(verb: Callable[[str], None], what: str) -> None:
    # A process that serves and can't be told finds out by itself, within a minute.
    with suppress(NoRoomsError):
        verb(what)
