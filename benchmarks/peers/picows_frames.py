"""picows, which is written in Cython: one write a frame, with nothing around it."""

import asyncio
import sys
from collections import defaultdict

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

rooms: defaultdict[bytes, set[WSTransport]] = defaultdict(set)


class Member(WSListener):  # type: ignore[misc]  # of Cython, without types
    """One for each client."""

    def __init__(self, path: bytes) -> None:
        self.room = rooms[path]

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.room.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            text = frame.get_payload_as_bytes()
            for member in self.room:
                member.send(WSMsgType.TEXT, text)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.room.discard(transport)


def enter(request: WSUpgradeRequest) -> Member:
    return Member(request.path)


async def main(port: int) -> None:
    server = await ws_create_server(enter, "127.0.0.1", port)
    await server.serve_forever()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main(int(sys.argv[1])))
