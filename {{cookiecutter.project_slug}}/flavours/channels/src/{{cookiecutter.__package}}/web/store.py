"""The rooms that there are, in Django's database."""

from collections.abc import Collection

from django.db import IntegrityError, transaction

from ..rooms.backends import interfaces as backend
from ..rooms.errors import NameTakenError
from .models import Room
from .run_context import in_thread


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
