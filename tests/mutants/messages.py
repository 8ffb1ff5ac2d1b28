"""Messages arrive in order, once and without a gap, also when a client comes back."""

from ..mutating import TextReplacement, never, remove, replace
from .mutant import Mutant

MUTANTS = [
    # Order.
    Mutant(
        "a frame overtakes the frames that wait",
        [replace("Outbox.put", "not self.bytes", "True")],
        "rooms/test_outbox.py::test_where_nothing_waits_a_frame_is_written_at_once",
    ),
    Mutant(
        "a message overtakes those that a connection is still being told",
        [
            replace(
                "Feed._say",
                "for held in self._held.values(): ...",
                "for one in self._held:\n    one.send(frame)",
            )
        ],
        "rooms/test_feed.py::test_held_messages_arrive_once_and_only_after_the_release",
    ),
    Mutant(
        "an answer overtakes the messages that wait to be sent in one frame",
        [remove("ConnectionManager._answer", "self._feeds.flush(...)")],
        "contract/test_lines.py::test_an_answer_comes_after_what_was_said",
        ["fastapi"],
    ),
    Mutant(
        "a close overtakes the messages that wait to be sent in one frame",
        [remove("ConnectionManager.end", "self._feeds.flush(...)")],
        "contract/test_lines.py::test_a_close_comes_after_what_was_said",
        ["fastapi"],
    ),
    # Several messages in a frame.
    Mutant(
        "messages that wait are not joined into one frame",
        [never("Outbox._next", "self._joins and ...")],
        "rooms/test_outbox.py::test_what_waits_is_joined_up_to_what_clients_read_at_once",
    ),
    Mutant(
        "a frame of several lines is read as one message",
        [replace("Connection.divide", "_ if self.lines else [received]", "[received]")],
        "contract/test_lines.py::test_a_frame_holds_several_messages_both_ways",
    ),
    # Once.
    Mutant(
        "messages that were held back are sent twice",
        [replace("Feed.release", "position > seen", "True")],
        "rooms/test_feed.py::test_held_messages_arrive_once_and_only_after_the_release",
    ),
    Mutant(
        "a repeated message id counts again in memory",
        [never("MemoryLog.append", "once is not None and once in _")],
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
        [remove("Feeds._take", "self._repair(...)")],
        "contract/test_lost_bells.py::test_a_gap_is_repaired_with_the_next_bell",
    ),
    Mutant(
        "a check does not read messages that the bus lost",
        [remove("Feeds._check", "await self._catch_up(...)")],
        "contract/test_lost_bells.py::test_what_no_bell_told_of_is_found",
    ),
    Mutant(
        "a log that lost messages goes on as if it had them",
        [TextReplacement("append.lua", "if ARGV[6] ~= '' and (", "if false and (")],
        "rooms/test_log.py::test_nothing_is_said_to_another_log_than_the_one_that_is_known",
    ),
    Mutant(
        "the sender of a message learns nothing if Redis is away",
        [remove("ConnectionManager._say", "self._refuse(...)")],
        "contract/test_processes.py::test_redis_away_is_told_and_what_was_said_then_arrives",
    ),
    Mutant(
        "a message that is told and not kept reaches nobody",
        [remove("Feed.take", "self._tell_live(...)")],
        "contract/test_processes.py::test_what_is_only_told_reaches_who_is_here_and_is_not_kept",
    ),
    # Coming back.
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
        [
            replace(
                "ConnectionManager._open", "position is not None and page.follows(position)", "True"
            )
        ],
        "contract/test_coming_back.py::test_a_position_that_never_was_one_is_told",
    ),
    Mutant(
        "whoever is told to go can still speak",
        [never("ConnectionManager.receive", "connection.ending")],
        "rooms/test_manager.py::test_frames_after_the_end_are_ignored",
    ),
]
