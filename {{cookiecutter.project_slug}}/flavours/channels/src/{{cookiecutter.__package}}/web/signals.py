"""What follows from changes that are made elsewhere in Django."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.http import HttpRequest

from .manager import with_manager
from .models import Room
from .sessions import session_name


@receiver(post_delete, sender=Room)
def close_deleted_room(instance: Room, **_: Any) -> None:
    """Close the connections of a room that was deleted, in the admin for example."""
    if not instance.manager_knows:
        transaction.on_commit(
            lambda: with_manager(lambda manager: manager.room_deleted(instance.name)),
            robust=True,
        )


@receiver(user_logged_out)
def close_sockets(request: HttpRequest, **_: Any) -> None:
    """Close the connections that a session made, when its user logs out."""
    if session := session_name(request.session):
        with_manager(lambda manager: manager.end_session(session))
