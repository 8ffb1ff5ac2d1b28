"""aiohttp's client."""

import asyncio

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from .visit import Report, Sent, Visit, payload, serve, welcome


async def send(socket: ClientWebSocketResponse, frames: list[Sent]) -> None:
    """Send frames, one after the other."""
    for sent in frames:
        data = payload(sent)
        kind = WSMsgType.BINARY if sent[0] == "binary" else WSMsgType.TEXT
        await socket.send_frame(data.encode() if isinstance(data, str) else data, kind)


async def visit(asked: Visit) -> Report:
    """Make a visit."""
    report = Report()
    async with ClientSession() as session:
        try:
            socket = await session.ws_connect(
                asked.url, protocols=asked.protocols, origin=asked.origin
            )
        except WSServerHandshakeError as error:
            return Report(told=type(error).__name__, status=error.status)
        await send(socket, asked.at_open)
        while (message := await socket.receive()).type is WSMsgType.TEXT:
            if report.hear(message.data):
                welcome()
                await send(socket, asked.at_welcome)
                if asked.leave:
                    await socket.close(code=1000, message=b"bye")
        report.told = message.type.name
        report.code, report.reason = socket.close_code, message.extra
    return report


if __name__ == "__main__":
    with asyncio.Runner() as runner:
        serve(lambda asked: runner.run(visit(asked)))
