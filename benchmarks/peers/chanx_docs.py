"""The chat of chanx's quick start for FastAPI, with one group."""

from typing import Literal

from chanx.core.decorators import channel, ws_handler
from chanx.fast_channels.websocket import AsyncJsonWebsocketConsumer
from chanx.messages.base import BaseMessage
from fast_channels.layers import InMemoryChannelLayer, register_channel_layer
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.routing import WebSocketRoute


class ChatPayload(BaseModel):
    """What is said."""

    text: str


class ChatMessage(BaseMessage):
    """From a client."""

    action: Literal["chat"] = "chat"
    payload: ChatPayload


class ChatNotification(BaseMessage):
    """To all of the group."""

    action: Literal["chat_notification"] = "chat_notification"
    payload: ChatPayload


@channel(name="chat", description="The room's chat")
class ChatConsumer(AsyncJsonWebsocketConsumer):
    """One for each client."""

    channel_layer_alias = "default"
    groups = ["lobby"]  # noqa: RUF012 (as its documentation has it)

    @ws_handler(output_type=ChatNotification)
    async def handle_chat(self, message: ChatMessage) -> None:
        await self.broadcast_message(ChatNotification(payload=message.payload))


register_channel_layer("default", InMemoryChannelLayer())

app = FastAPI()
app.router.routes.append(WebSocketRoute("/ws/room-0", ChatConsumer.as_asgi()))
