"""websocket-client, its callbacks."""

from websocket import ABNF, WebSocketApp, WebSocketBadStatusException

from .visit import Report, Sent, Visit, payload, serve, welcome


class Visitor:
    """Hears of one connection."""

    def __init__(self, asked: Visit) -> None:
        self._asked = asked
        self.report = Report()
        self.app = WebSocketApp(
            asked.url,
            subprotocols=asked.protocols,
            on_open=self._open,
            on_message=self._hear,
            on_error=self._fail,
            on_close=self._close,
        )

    def _open(self, _: WebSocketApp) -> None:
        self._send(self._asked.at_open)

    def _hear(self, _: WebSocketApp, text: str) -> None:
        if self.report.hear(text):
            welcome()
            self._send(self._asked.at_welcome)
            if self._asked.leave:
                self.app.close(status=1000, reason=b"bye")

    def _fail(self, _: WebSocketApp, error: Exception) -> None:
        self.report.told = type(error).__name__
        if isinstance(error, WebSocketBadStatusException):
            self.report.status = error.status_code

    def _close(self, _: WebSocketApp, code: int | None, reason: str | None) -> None:
        self.report.told = f"{self.report.told} on_close".strip()
        self.report.code, self.report.reason = code, reason

    def _send(self, frames: list[Sent]) -> None:
        for sent in frames:
            opcode = ABNF.OPCODE_BINARY if sent[0] == "binary" else ABNF.OPCODE_TEXT
            self.app.send(payload(sent), opcode)


def visit(asked: Visit) -> Report:
    """Make a visit."""
    visitor = Visitor(asked)
    visitor.app.run_forever(origin=asked.origin)
    return visitor.report


if __name__ == "__main__":
    serve(visit)
