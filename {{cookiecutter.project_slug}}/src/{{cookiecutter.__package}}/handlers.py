"""What can be said and done in the rooms: frames, rules, and what happens when."""

from typing import Literal

from .rooms import Client, FromClient, RoomHandler, ToClient, on


class Typing(FromClient):
    """The sender is about to say something."""

    type: Literal["typing"] = "typing"


class UserTyping(ToClient):
    """Somebody is about to say something."""

    type: Literal["user-typing"] = "user-typing"
    user: str


class Chat(RoomHandler):
    """What happens in the rooms."""

    @on(Typing)
    async def typing(self, client: Client, frame: Typing) -> None:
        """Tell the others who writes."""
        await client.broadcast(UserTyping(user=client.user))
