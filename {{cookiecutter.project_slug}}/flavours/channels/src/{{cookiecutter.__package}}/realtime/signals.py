"""What follows when rooms change by other ways than the HTTP calls."""

from typing import Any

from asgiref.sync import async_to_sync
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from .models import Room
from .services import get_manager


@receiver(post_delete, sender=Room)
def close_deleted_room(instance: Room, **_: Any) -> None:
    """Close the connections of a room that was deleted, in the admin for example."""
    if not instance.manager_knows:
        transaction.on_commit(lambda: async_to_sync(get_manager().room_deleted)(instance.name))
