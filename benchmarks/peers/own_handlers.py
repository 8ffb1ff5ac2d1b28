"""What an owner may add: a rule that looks at each message, and a hook that is told of it."""

from collections import Counter

from .rooms import Client, Publication, Refused, RoomHandler

SAID: Counter[str] = Counter()


class Chat(RoomHandler):
    """Nobody advertises, and who speaks is counted."""

    async def before_publish(self, message: Publication, client: Client | None) -> Publication:
        if client and "buy now" in str(message.body):
            raise Refused("No advertising here", reason="advertising")
        return message

    async def published(self, message: Publication) -> None:
        SAID[message.user] += 1
