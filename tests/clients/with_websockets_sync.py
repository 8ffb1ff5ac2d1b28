"""websockets, its threading interface."""

from contextlib import suppress

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from .visit import Report, Sent, Visit, payload, serve, welcome


def send(socket: ClientConnection, frames: list[Sent]) -> None:
    """Send until the connection is closed; what came before the close is still to be read."""
    with suppress(ConnectionClosed):
        for sent in frames:
            socket.send(payload(sent), text=sent[0] != "binary")


def stay(socket: ClientConnection, asked: Visit, report: Report) -> None:
    """Do as asked until the connection has ended."""
    send(socket, asked.at_open)
    try:
        while True:
            if report.hear(socket.recv()):
                welcome()
                send(socket, asked.at_welcome)
                if asked.leave:
                    socket.close(1000, "bye")
    except ConnectionClosed as error:
        report.told = type(error).__name__
    report.code, report.reason = socket.close_code, socket.close_reason


def visit(asked: Visit) -> Report:
    """Make a visit."""
    report = Report()
    protocols = [Subprotocol(name) for name in asked.protocols]
    origin = Origin(asked.origin) if asked.origin else None
    try:
        with connect(asked.url, subprotocols=protocols, origin=origin, proxy=None) as socket:
            stay(socket, asked, report)
    except InvalidHandshake as error:
        report.told = type(error).__name__
        report.status = error.response.status_code if isinstance(error, InvalidStatus) else None
    return report


if __name__ == "__main__":
    serve(visit)
