"""Messages arrive in order, once and without a gap, also when a client comes back."""

from ..mutating import TextReplacement, always, never, remove, replace
from .mutant import Mutant

_ROUNDS = "contract/test_rounds.py"

MUTANTS = [
    # Order.
    Mutant(
        "a frame overtakes the frames that wait",
        [replace("Outbox.put", "not self.bytes", "True")],
        "rooms/test_outbox.py::test_where_nothing_waits_a_frame_is_written_at_once",
    ),
    Mutant(
        "a message is kept that can't be read again",
        [never("_encodable", "not isinstance(_, _) and _")],
        "contract/test_http.py::test_a_body_is_nested_as_deep_as_it_can_be_read_again",
    ),
    Mutant(
        "a message overtakes those that a connection is still being told",
        [
            replace(
                "Fanout.apply",
                "for buffer in self._held.values(): ...",
                "for one in self._held:\n    one.send(frame)",
            )
        ],
        "rooms/test_stream.py::test_held_messages_arrive_once_and_only_after_the_release",
    ),
    Mutant(
        "an answer overtakes the messages of its round",
        [remove("ConnectionManager.answer", "self._streams.tell(...)")],
        f"{_ROUNDS}::test_an_answer_between_two_messages_keeps_its_place",
        ["fastapi"],
    ),
    Mutant(
        "a close overtakes the messages of its round",
        [remove("ConnectionManager.end", "self._streams.tell(...)")],
        f"{_ROUNDS}::test_a_close_comes_after_the_messages_of_its_round",
        ["fastapi"],
    ),
    Mutant(
        "a frame is lost at the end of a round",
        [replace("batches", "frames[start:]", "frames[start:-1]")],
        f"{_ROUNDS}::test_messages_of_one_round_reach_every_member_once_and_in_order",
    ),
    Mutant(
        "a round is told twice",
        [replace("Fanout.flush", "self._untold, []", "self._untold, self._untold[:]")],
        f"{_ROUNDS}::test_messages_of_one_round_reach_every_member_once_and_in_order",
    ),
    Mutant(
        "a member who enters is told again what came before",
        [replace("Fanout.release", "len(self._untold)", "0")],
        "rooms/test_stream.py::test_a_member_who_enters_within_a_round_gets_what_comes_after",
    ),
    Mutant(
        "an answer tells a member twice what waits",
        [remove("Fanout.tell", "self._known[connection] = ...")],
        "rooms/test_stream.py::test_a_member_who_is_told_early_is_told_once",
    ),
    Mutant(
        "members are told nothing while others go on speaking",
        [replace("Fanout._end_round", "rounds - 1", "rounds")],
        "rooms/test_stream.py::test_members_are_told_though_rounds_go_on_to_bring_more",
    ),
    Mutant(
        "a batch is cut in the middle of a frame",
        [replace("to_wire", 'b"".join(...)', 'b"".join(map(to_wire, sent.frames))[:-1]')],
        "rooms/test_outbox.py::test_a_batch_is_written_at_once_where_nothing_waits",
    ),
    Mutant(
        "a batch overtakes the frames that wait",
        [replace("Outbox.put_batch", "not self.bytes", "True")],
        "rooms/test_outbox.py::test_a_batch_comes_after_the_frames_that_wait",
    ),
    # Once.
    Mutant(
        "messages that were held back are sent twice",
        [replace("Fanout.release", "position > seen", "True")],
        "rooms/test_stream.py::test_held_messages_arrive_once_and_only_after_the_release",
    ),
    Mutant(
        "a repeated message id counts again in memory",
        [never("MemoryLog.append", "idempotency_key is not None and idempotency_key in _")],
        "contract/test_coming_back.py::test_an_id_counts_once_over_a_reconnect",
    ),
    Mutant(
        "a repeated message id counts again in Redis",
        [TextReplacement("append.lua", "if before then", "if false then")],
        "contract/test_processes.py::test_one_comes_back_to_another_process",
    ),
    # Without a gap.
    Mutant(
        "a gap in the messages is not repaired",
        [remove("Stream.apply", "self.repair()")],
        "contract/test_lost_bells.py::test_a_gap_is_repaired_with_the_next_bell",
    ),
    Mutant(
        "a check does not read messages that the bus lost",
        [replace("StreamKeeper._compare", "await self._each('log', Stream.catch_up)", "True")],
        "contract/test_lost_bells.py::test_what_no_bell_told_of_is_found",
    ),
    Mutant(
        "a log that lost messages goes on as if it had them",
        [TextReplacement("append.lua", "if ARGV[6] ~= '' and (", "if false and (")],
        "rooms/test_log.py::test_nothing_is_said_to_another_log_than_the_one_that_is_known",
    ),
    Mutant(
        "the sender of a message learns nothing if Redis is away",
        [remove("InboundFrames._say", "self.answer(...)")],
        "contract/test_processes.py::test_redis_away_is_told_and_what_was_said_then_arrives",
    ),
    Mutant(
        "a message that is told and not kept reaches nobody",
        [remove("Stream.apply", "self.fanout.tell_all(...)")],
        "contract/test_processes.py::test_what_is_only_told_reaches_who_is_here_and_is_not_kept",
    ),
    # Coming back.
    Mutant(
        "a page of messages is limited by their count alone in memory",
        [never("MemoryLog.read", "max_bytes < 0 and entries")],
        "rooms/test_log.py::test_a_page_has_no_more_bytes_than_was_asked_for[memory]",
    ),
    Mutant(
        "a page of messages is limited by their count alone in Redis",
        [TextReplacement("read.lua", "if size > tonumber(ARGV[5]) and #found > 0", "if false")],
        "rooms/test_held_bytes.py::test_what_is_held_for_clients_that_take_nothing_is_bounded",
    ),
    Mutant(
        "what was missed is sent however much waits",
        [remove("Stream.follow", "await self._make_room(...)")],
        "rooms/test_held_bytes.py::test_a_client_that_reads_slowly_gets_all",
    ),
    Mutant(
        "live messages are kept for a client whose outbox is full",
        [never("JoinBuffer.make_room", "_ > self._max_bytes")],
        "rooms/test_held_bytes.py::test_what_is_held_for_clients_that_take_nothing_is_bounded",
    ),
    Mutant(
        "a client that comes back and takes nothing stays for ever",
        [never("Stream._make_room", "connection.waiting_bytes >= waiting")],
        "rooms/test_held_bytes.py::test_a_client_that_takes_nothing_reads_too_slowly",
    ),
    Mutant(
        "a client that comes back and reads slowly is ended",
        [always("Stream._make_room", "connection.waiting_bytes >= waiting")],
        "rooms/test_held_bytes.py::test_a_client_that_reads_slowly_gets_all",
    ),
    Mutant(
        "a position of another epoch is taken for one of this",
        [never("Page.follows", "after.epoch != self.newest.epoch")],
        "rooms/test_log.py::test_a_page_after_a_position_of_another_epoch_does_not_follow",
    ),
    Mutant(
        "a client recovers a part of the messages it missed",
        [replace("Page.follows", "self.entries[0].offset == after.offset + 1", "True")],
        "rooms/test_log.py::test_a_log_keeps_its_newest_messages_and_says_what_it_has_not",
    ),
    Mutant(
        "the welcome always says that nothing was missed",
        [replace("Entrance._open", "position is not None and page.follows(position)", "True")],
        "contract/test_coming_back.py::test_a_position_that_never_was_one_is_told",
    ),
    Mutant(
        "whoever is told to go can still speak",
        [never("InboundFrames.take", "connection.ending or connection.lane.closed")],
        "rooms/test_manager.py::test_frames_after_the_end_are_ignored",
    ),
    Mutant(
        "a newcomer gets one message too few",
        [replace("latest", "newest.offset - count", "newest.offset - count + 1")],
        "contract/test_history.py::test_a_newcomer_gets_the_last_messages",
    ),
    Mutant(
        "the welcome's position is that of the first message that follows",
        [replace("before", "page.entries[0].offset - 1", "page.entries[0].offset")],
        "contract/test_history.py::test_a_newcomer_gets_the_last_messages",
    ),
    Mutant(
        "a trusted caller is told that nothing was missed though it was",
        [replace("read_history", "position is not None and page.follows(position)", "True")],
        "contract/test_history.py::test_a_trusted_caller_reads_on_from_a_position",
    ),
    Mutant(
        "an answer to the same id says it twice",
        [replace("say", "message.id", "None")],
        "contract/test_history.py::test_a_message_that_is_published_again_is_said_once",
        ["fastapi"],
    ),
    Mutant(
        "a ping is answered without its ref",
        [replace("InboundFrames._act", "frames.Pong(ref=frame.ref)", "frames.Pong()")],
        "contract/test_history.py::test_a_ping_with_a_ref_is_answered_in_its_place",
    ),
]
