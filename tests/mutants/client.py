"""The page's client comes back as it is told, and loses nothing."""

from ..mutating import TextReplacement
from .mutant import Mutant

TESTED_BY = "client/test_rooms_js.py::test_the_client"

MUTANTS = [
    Mutant(
        "the client forgets the messages that were under way",
        [
            TextReplacement(
                "outbox.js",
                "      pending.waits = true;\n    }\n  }\n",
                "      pending.waits = pending.waits;\n    }\n  }\n",
            )
        ],
        TESTED_BY,
        ["fastapi"],
    ),
    Mutant(
        "the client reconnects without its position",
        [TextReplacement("rooms.js", "if (this.#position !== null) {", "if (false) {")],
        TESTED_BY,
        ["fastapi"],
    ),
    Mutant(
        "the client does not wait as long as it is told",
        [
            TextReplacement(
                "rooms.js",
                "this.#retryAfter === null ? null : this.#retryAfter * 1000",
                "null",
            )
        ],
        TESTED_BY,
        ["fastapi"],
    ),
    Mutant(
        "the client does not notice a dead connection",
        [
            TextReplacement(
                "rooms.js", 'this.#after("beat", this.#options.heartbeat, this.#doubt);', ""
            )
        ],
        TESTED_BY,
        ["fastapi"],
    ),
    Mutant(
        "the client does not wait longer after each failure",
        [TextReplacement("rooms.js", "firstDelay * 2 ** this.#failures++", "firstDelay")],
        TESTED_BY,
        ["fastapi"],
    ),
    Mutant(
        "the client stops where it should come back",
        [TextReplacement("rooms.js", 'if (row?.advice === "STOP") {', "if (row?.advice) {")],
        TESTED_BY,
        ["fastapi"],
    ),
]
