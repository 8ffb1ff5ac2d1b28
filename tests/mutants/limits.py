"""What one client takes has a limit, and the others do not notice."""

from ..mutating import always, never, remove, replace
from .mutant import Mutant, ending

MUTANTS = [
    Mutant(
        "the number of connections is not limited",
        [never("Gate._denial", "self._open >= ...")],
        "contract/test_denials.py::test_more_connections_than_the_settings_allow_are_refused",
    ),
    Mutant(
        "binary frames are ignored",
        [replace("ConnectionManager._act", "raise ClosedError(Close.BINARY_FRAME)", "return")],
        ending("BINARY_FRAME"),
    ),
    Mutant(
        "the rate of messages is not limited",
        [never("ConnectionManager._act", "not connection.rate.allow()")],
        ending("TOO_MANY_MESSAGES"),
    ),
    # Slow readers.
    Mutant(
        "one slow reader stalls the room",
        [
            replace(
                "Feeds.publish",
                "await self._hear(...)",
                "...\nfor one in list(feed.connections):\n    await one.written()",
            )
        ],
        "contract/test_closing.py::test_a_reader_that_stalls_ends_and_the_others_notice_nothing",
    ),
    Mutant(
        "a slow reader stays connected",
        [never("Outbox.put", "self.bytes and _ > self._max_bytes")],
        "contract/test_closing.py::test_a_reader_that_stalls_ends_and_the_others_notice_nothing",
    ),
    Mutant(
        "pings of a client that does not read fill the memory",
        [always("SocketProtocol.handle_ping", "self.writable.is_set()")],
        "contract/test_floods.py::test_pings_of_a_client_that_does_not_read_fill_no_memory",
    ),
    # Requests and frames that do not end.
    Mutant(
        "an unreadable handshake is not answered",
        [never("SocketProtocol.data_received", "self.conn.handshake_exc and ...")],
        "contract/test_denials.py::test_a_handshake_that_cannot_be_read_is_answered",
    ),
    Mutant(
        "the service waits an hour for the rest of a request",
        [replace("RequestProtocol._expect_request", "self.limit_seconds", "3600")],
        "contract/test_floods.py::test_a_request_that_does_not_end_is_cut_off",
    ),
    Mutant(
        "half-open connections add up",
        [never("RequestProtocol.connection_made", "len(self._open) > ...")],
        "contract/test_floods.py::test_half_open_connections_take_no_place_from_others",
    ),
    Mutant(
        "the head of a request grows without limit",
        [remove("RequestProtocol.data_received", "self._besides_bodies += len(data)")],
        "contract/test_floods.py::test_a_head_that_grows_is_refused",
    ),
    Mutant(
        "empty fragments are kept without limit",
        [always("SocketProtocol.handle_cont", "len(self.frames) < _")],
        "contract/test_floods.py::test_empty_fragments_make_no_endless_message",
    ),
]
