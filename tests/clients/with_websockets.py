"""websockets, its asyncio interface."""

import asyncio
from contextlib import suppress

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Origin, Subprotocol

from .visit import Report, Sent, Visit, payload, serve, welcome


async def send(socket: ClientConnection, frames: list[Sent]) -> None:
    """Send until the connection is closed; what came before the close is still to be read."""
    with suppress(ConnectionClosed):
        for sent in frames:
            await socket.send(payload(sent), text=sent[0] != "binary")


async def stay(socket: ClientConnection, asked: Visit, report: Report) -> None:
    """Do as asked until the connection has ended."""
    await send(socket, asked.at_open)
    try:
        while True:
            if report.hear(await socket.recv()):
                welcome()
                await send(socket, asked.at_welcome)
                if asked.leave:
                    await socket.close(1000, "bye")
    except ConnectionClosed as error:
        report.told = type(error).__name__
    report.code, report.reason = socket.close_code, socket.close_reason


async def visit(asked: Visit) -> Report:
    """Make a visit."""
    report = Report()
    protocols = [Subprotocol(name) for name in asked.protocols]
    origin = Origin(asked.origin) if asked.origin else None
    try:
        async with connect(asked.url, subprotocols=protocols, origin=origin, proxy=None) as socket:
            await stay(socket, asked, report)
    except InvalidHandshake as error:
        report.told = type(error).__name__
        report.status = error.response.status_code if isinstance(error, InvalidStatus) else None
    return report


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        serve(lambda asked: runner.run(visit(asked)))
