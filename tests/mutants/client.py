"""The page's client comes back as it is told, and loses nothing."""

from functools import partial

from ..mutating import TextReplacement
from .mutant import Mutant

BrokenClient = partial(
    Mutant, caught_by="client/test_rooms_js.py::test_the_client", flavours=["fastapi"]
)

MUTANTS = [
    BrokenClient(
        "the client forgets the messages that were under way",
        [
            TextReplacement(
                "outbox.js",
                "      pending.waits = true;\n      pending.suspected = cut;\n",
                "      pending.suspected = cut;\n",
            )
        ],
        caught_by_script="a.lost.receipt.that.can.t.come",
    ),
    BrokenClient(
        "the client repeats without end a message that ends every connection",
        [TextReplacement("outbox.js", "if (cut && pending.suspected) {", "if (false) {")],
        caught_by_script="a.message.that.ends.two",
    ),
    BrokenClient(
        "the client blames a message for the end that another one caused",
        [
            TextReplacement(
                "outbox.js",
                "      if (pending.suspected) {\n        break;",
                "      if (false) {\n        break;",
            )
        ],
        caught_by_script="a.message.that.a.connection.survived",
    ),
    BrokenClient(
        "the client reconnects without its position",
        [TextReplacement("rooms.js", "if (this.#position !== null) {", "if (false) {")],
        caught_by_script="a.lost.receipt.comes",
    ),
    BrokenClient(
        "the client does not wait as long as it is told",
        [
            TextReplacement(
                "rooms.js",
                "this.#retryAfter === null ? null : this.#retryAfter * 1000",
                "null",
            )
        ],
        caught_by_script="after.SERVICE_RESTART",
    ),
    BrokenClient(
        "the client does not notice a dead connection",
        [
            TextReplacement(
                "rooms.js", 'this.#after("beat", this.#options.heartbeat, this.#doubt);', ""
            )
        ],
        caught_by_script="a.dead.connection",
    ),
    BrokenClient(
        "the client does not wait longer after each failure",
        [TextReplacement("rooms.js", "firstDelay * 2 ** this.#failures++", "firstDelay")],
        caught_by_script="delays.grow",
    ),
    BrokenClient(
        "the client stops where it should come back",
        [TextReplacement("rooms.js", 'if (row?.advice === "STOP") {', "if (row?.advice) {")],
        caught_by_script="after.ROOM_FULL",
    ),
    BrokenClient(
        "the client sends every frame of which only the latest counts",
        [
            TextReplacement(
                "outbox.js", "if (!this.#allowed((this.#rate - 1) / 2)) {", "if (false) {"
            )
        ],
        caught_by_script="sixty.moves",
    ),
    BrokenClient(
        "the client takes any frame for the answer to a request",
        [
            TextReplacement(
                "outbox.js", "this.#take(frame.ref)", "this.#take([...this.#asked.keys()][0])"
            )
        ],
        caught_by_script="a.request.is.answered.by",
    ),
    BrokenClient(
        "the client waits for an answer when the connection has ended",
        [TextReplacement("rooms.js", "this.#requests.disconnect();", "")],
        caught_by_script="a.request.fails.when",
    ),
]
