"""The rooms that there are, in Django's database."""

from collections.abc import Callable, Collection, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import IntegrityError, connection, transaction

from ..rooms.backends import interfaces as backend
from ..rooms.errors import NameTakenError
from .models import Room

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(method: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Run a method in any free thread rather than asgiref's one: a slow query holds up no other.

    The thread's connection is closed after it, as the thread may not live on.
    """

    @wraps(method)
    def closing(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        finally:
            connection.close()

    return sync_to_async(closing, thread_sensitive=False)


class DjangoRoomStore:
    """A `RoomStore` on the `Room` model; each method runs in a thread of the database's."""

    @in_thread
    def create(self, room: backend.Room, password: str | None) -> None:
        """Keep a new room; see `RoomStore`."""
        row = Room(name=room.name, capacity=room.capacity, presence=room.presence)
        row.set_password(password)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise NameTakenError(room.name) from None

    @in_thread
    def get(self, name: str) -> backend.Room | None:
        """Find a room."""
        row = Room.objects.filter(name=name).first()
        return backend.Room(row.name, row.capacity, row.presence, row.locked) if row else None

    @in_thread
    def existing(self, names: Collection[str]) -> set[str]:
        """Tell which of these rooms there are."""
        return set(Room.objects.filter(name__in=names).values_list("name", flat=True))

    @in_thread
    def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""
        row = Room.objects.filter(name=name).first()
        if row is None:
            return False
        # The manager, which asked for it, closes the room itself.
        row.manager_knows = True
        deleted, _ = row.delete()
        return deleted > 0

    @in_thread
    def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password."""
        row = Room.objects.filter(name=name).first()
        return row is not None and row.check_password(password)
