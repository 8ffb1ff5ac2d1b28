"""The rooms that there are, in Django's database."""

from channels.db import database_sync_to_async
from django.db import IntegrityError, transaction

from ..rooms import engine
from ..rooms.errors import NameTakenError
from .models import Room


class DjangoRoomStore:
    """A `RoomStore` on the `Room` model; each method runs in a thread of the database's."""

    @database_sync_to_async
    def create(self, room: engine.Room, password: str | None) -> None:
        """Keep a new room; see `RoomStore`."""
        row = Room(name=room.name, capacity=room.capacity, presence=room.presence)
        row.set_password(password)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise NameTakenError(room.name) from None

    @database_sync_to_async
    def get(self, name: str) -> engine.Room | None:
        """Find a room."""
        row = Room.objects.filter(name=name).first()
        return engine.Room(row.name, row.capacity, row.presence, row.locked) if row else None

    @database_sync_to_async
    def delete(self, name: str) -> bool:
        """Forget a room; False if there was none."""
        deleted, _ = Room.objects.filter(name=name).delete()
        return deleted > 0

    @database_sync_to_async
    def check_password(self, name: str, password: str) -> bool:
        """Whether this is the room's password."""
        row = Room.objects.filter(name=name).first()
        return row is not None and row.check_password(password)
