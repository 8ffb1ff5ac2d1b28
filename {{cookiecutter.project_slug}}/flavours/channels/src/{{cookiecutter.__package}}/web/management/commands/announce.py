"""`manage.py announce`: say something to a room, from whatever process."""

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ....rooms.errors import RoomsError
from ....rooms.names import SERVICE_USER
from ... import sync


class Command(BaseCommand):
    """Publishes a message to the members of a room."""

    help = "Says a text to a room. Takes REDIS_URL: without it, rooms live in another process."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the room and the text."""
        parser.add_argument("room")
        parser.add_argument("text")
        parser.add_argument("--from", dest="sender", default=SERVICE_USER)

    def handle(self, *, room: str, text: str, sender: str, **_: object) -> None:
        """Say it, and print its position."""
        try:
            self.stdout.write(sync.publish(room, text, user=sender))
        except RoomsError as error:
            raise CommandError(str(error)) from error
