"""Members come, go and are counted, and rooms are looked after."""

from ..mutating import TextReplacement, never, remove, replace
from .mutant import Mutant, ending

MUTANTS = [
    Mutant(
        "a client that vanishes stays a member",
        [remove("ConnectionManager.disconnect", "self.finish(...)")],
        "contract/test_closing.py::test_a_client_that_vanishes_without_a_close_frame_leaves",
    ),
    Mutant(
        "a client that leaves while its join fails stays a member",
        [remove("Entrance.admit", "await self.streams.leave(...)")],
        "rooms/test_checks.py::test_who_leaves_while_joining_fails_is_no_member",
    ),
    Mutant(
        "the members of a dead process stay members",
        [TextReplacement("heartbeat.lua", "'-inf', ms)) do", "'-inf', '-inf')) do")],
        "rooms/test_redis.py::test_members_of_a_dead_process_are_struck_off_by_another",
    ),
    Mutant(
        "the members of a dead process keep others out of a full room",
        [
            replace(
                "Stream.join",
                "await self.renew_lease()\nawait self.update_members()\ncame = await join()",
                "raise",
            )
        ],
        "rooms/test_checks.py::test_the_dead_keep_nobody_out",
    ),
    Mutant(
        "a process that was taken for dead does not bring its members back",
        [never("Stream.update_members", "found.lost")],
        "contract/test_processes.py::test_a_process_that_was_taken_for_dead_brings_its_members_back",
    ),
    Mutant(
        "a room admits more members than its capacity",
        [replace("MemoryPresence.join", "len(_) >= capacity", "False")],
        ending("ROOM_FULL"),
    ),
    # Rooms.
    Mutant(
        "a room is checked before it has begun",
        [remove("Stream.catch_up", "await self._begun.wait()")],
        "rooms/test_checks.py::test_a_message_sends_nobody_away_who_is_just_coming_in",
    ),
    Mutant(
        "a room that is entered again during a check is unsubscribed",
        [replace("StreamKeeper._compare", "stream.lost or not stream.connections", "True")],
        "rooms/test_checks.py::test_rooms_that_are_entered_again_during_a_check_are_heard_of",
    ),
    Mutant(
        "a deleted room's messages stay if the first try to delete it broke off",
        [
            replace(
                "Publishing.close_room",
                "await self.room_deleted(name)",
                "if found:\n    await self.room_deleted(name)",
            )
        ],
        "rooms/test_checks.py::test_a_room_that_is_deleted_a_second_time_leaves_no_messages",
    ),
]
