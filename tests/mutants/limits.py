"""What one client takes has a limit, and the others do not notice."""

from ..mutating import always, never, remove, replace
from .mutant import Mutant, ending

_ADDRESSES = "contract/test_addresses.py"
_ARRIVES = "contract/test_close_arrives.py"
_HEADS = "contract/test_heads.py"

MUTANTS = [
    Mutant(
        "the number of connections is not limited",
        [never("SocketGuard._denial", "self._open >= ...")],
        "contract/test_denials.py::test_more_connections_than_the_settings_allow_are_refused",
    ),
    Mutant(
        "an address's connections are counted for each room",
        [
            replace(
                "SocketGuard._serve_counted",
                "address_of(scope)",
                'address_of(scope) + scope["path"]',
            )
        ],
        f"{_ADDRESSES}::test_a_connection_too_many_is_closed_whatever_room_it_is_for",
    ),
    Mutant(
        "an address never gets a place back",
        [remove("AddressLimit.counted", "self._open[network] -= 1")],
        f"{_ADDRESSES}::test_a_connection_that_ended_makes_room_for_another",
    ),
    Mutant(
        "binary frames are ignored",
        [remove("InboundFrames.take", "self.finish(connection, Close.BINARY_FRAME)")],
        ending("BINARY_FRAME"),
    ),
    Mutant(
        "the rate of messages is not limited",
        [never("InboundFrames.take", "not connection.allow_message()")],
        ending("TOO_MANY_MESSAGES"),
    ),
    # Slow readers.
    Mutant(
        "one slow reader stalls the room",
        [
            replace(
                "StreamKeeper.publish",
                "return Appended(position, duplicate)",
                "for one in list(stream.connections if stream else ()):\n"
                "    await one.drained()\n...",
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
        "a refused handshake repeats what the client sent",
        [
            replace("Framing.reject", "HTTPStatus(status).phrase", "text"),
            never("Framing.reject", "isinstance(...)"),
        ],
        f"{_HEADS}::test_a_refused_handshake_names_the_header_and_the_version_but_no_secret",
    ),
    Mutant(
        "a long head passes in one segment",
        [never("RequestProtocol.on_headers_complete", "sum(lengths, ...) > _LARGEST_HEAD")],
        f"{_HEADS}::test_a_long_head_in_one_segment_is_refused",
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
    # What a client sends while it is closed, and how much of it.
    Mutant(
        "a close ends the connection at once",
        [replace("SocketProtocol.run_asgi", "self.end_once_silent()", "self.transport.close()")],
        f"{_ARRIVES}::test_a_client_that_writes_first_gets_the_close",
    ),
    Mutant(
        "an answer ends the connection while the body arrives",
        [replace("RequestProtocol.end_answer", "self.end_once_silent()", "self.transport.close()")],
        f"{_ARRIVES}::test_a_client_that_sends_its_whole_body_first_gets_the_answer",
    ),
    Mutant(
        "a close is followed by a half-close",
        [
            replace(
                "SocketProtocol.send",
                "self._look_for_answer(b'')",
                "if self.close_sent:\n    self.transport.write_eof()\n...",
            )
        ],
        f"{_ARRIVES}::test_a_close_is_no_half_close",
    ),
    Mutant(
        "a close for a faulty frame overtakes what came before it",
        [replace("SocketProtocol._finish", "self._ends_with = row", "self._close_by_itself(row)")],
        f"{_ARRIVES}::test_what_came_before_a_fault_is_answered_before_the_close",
    ),
    Mutant(
        "what came before a faulty frame is dropped",
        [
            replace(
                "SocketProtocol._take",
                "self.handle_events()",
                "if not self.conn.parser_exc:\n    self.handle_events()",
            )
        ],
        f"{_ARRIVES}::test_a_message_in_front_of_a_fault_is_said",
    ),
    Mutant(
        "text is checked only where a message is complete",
        [remove("Framing.recv_frame", "self._decoder.decode(frame.data, frame.fin)")],
        f"{_ARRIVES}::test_a_message_in_front_of_a_fault_is_said",
    ),
    Mutant(
        "what was read is parsed in one go",
        [
            never("SocketProtocol.data_received", "self._unparsed or ..."),
        ],
        f"{_ARRIVES}::test_a_flood_is_parsed_no_further_than_the_limit",
    ),
    Mutant(
        "slices that have many frames are long",
        [replace("SocketProtocol._take", "_ if has_few else _", "_LONG_SLICE_BYTES")],
        f"{_ARRIVES}::test_a_flood_is_parsed_no_further_than_the_limit",
    ),
    Mutant(
        "control frames do not count",
        [remove("Framing.recv_frame", "self.counted += 1")],
        f"{_ARRIVES}::test_a_flood_of_control_frames_or_fragments_is_too_many_messages",
    ),
    Mutant(
        "a client that takes nothing is never cut off",
        [replace("SocketProtocol.pause_writing", "self.stall_seconds", "3600")],
        f"{_ARRIVES}::test_a_client_that_takes_nothing_is_cut_off",
    ),
    # Heads, and what is behind a body.
    Mutant(
        "a trailer counts as a header",
        [always("RequestProtocol.on_header", "not self._head_is_complete")],
        f"{_HEADS}::test_a_trailer_is_no_header",
    ),
    Mutant(
        "a coding that others read otherwise is taken",
        [
            replace(
                "RequestProtocol.on_headers_complete", 'codings not in ([], [b"chunked"])', "False"
            )
        ],
        f"{_HEADS}::test_a_head_that_can_be_read_in_two_ways_is_refused",
    ),
    Mutant(
        "two hosts are taken",
        [replace("RequestProtocol.on_headers_complete", "len(hosts) > 1", "False")],
        f"{_HEADS}::test_a_head_that_can_be_read_in_two_ways_is_refused",
    ),
    Mutant(
        "of a list of several lines the last alone counts",
        [
            replace(
                "RequestProtocol._get_upgrade", 'b",".join(...).lower()', "super()._get_upgrade()"
            )
        ],
        f"{_HEADS}::test_several_lines_of_a_list_are_one_list",
    ),
    Mutant(
        "an upgrade that is not taken costs the body",
        [never("RequestProtocol._unsupported_upgrade_warning", "behind")],
        f"{_HEADS}::test_an_upgrade_that_is_not_taken_costs_no_body",
    ),
]
