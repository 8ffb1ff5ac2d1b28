"""Rooms that need no making: who makes them, which names fit, and when they go."""

from ..mutating import TextReplacement, never, replace
from .mutant import Mutant

_PATTERNS = "contract/test_patterns.py"
_GOES = f"{_PATTERNS}::test_a_log_goes_after_the_last_member_and_the_last_message"
_STAYS = f"{_PATTERNS}::test_a_silent_member_keeps_a_log_in"
_FITS = "pattern.fullmatch(room)"

MUTANTS = [
    Mutant(
        "a room is made before the rule has let somebody in",
        [
            replace(
                "Entrance.admit",
                "await self.handling.authorize(connection, handshake)",
                "await self.streams.attach(room, connection)\n...",
            )
        ],
        f"{_PATTERNS}::test_who_is_refused_makes_no_room",
    ),
    Mutant(
        "a room fits a pattern by the begin of its name",
        [replace("RoomHandler.takes", _FITS, "pattern.match(room)")],
        f"{_PATTERNS}::test_a_room_that_fits_no_pattern_is_not_found",
    ),
    Mutant(
        "a star stands for no character too",
        [replace("_patterns_of", "'.+'", "'.*'")],
        f"{_PATTERNS}::test_a_room_that_fits_no_pattern_is_not_found",
    ),
    Mutant(
        "the last pattern that fits has the room",
        [replace("_index", "enumerate(handlers)", "reversed([*enumerate(handlers)])")],
        f"{_PATTERNS}::test_the_first_pattern_that_fits_has_the_room",
    ),
    Mutant(
        "a pattern needs no rule",
        [never("_patterns_of", "names and 'authorize' not in cls.hooks")],
        "rooms/test_declarations.py::test_what_is_wrong_about_rooms_is_told_at_import",
    ),
    Mutant(
        "a log in memory outlives its time",
        [
            never(
                "MemoryLog.expire",
                "(keep := self._keep(room)) is not None and now - log.used > keep",
            )
        ],
        f"{_GOES}[memory]",
    ),
    Mutant(
        "a log in Redis outlives its time",
        [replace("RedisLog._ttl", "self._keep(room)", "None")],
        f"{_GOES}[redis]",
    ),
    Mutant(
        "a log in memory goes while a member is there",
        [never("MemoryLog.expire", "room in self._bus.rooms")],
        f"{_STAYS}_memory",
    ),
    Mutant(
        "a log in Redis goes while a member is there",
        [TextReplacement("read.lua", "if ARGV[4] ~= '' then", "if false then")],
        f"{_STAYS}_redis_and_who_left_elsewhere_does_not_end_it",
    ),
    Mutant(
        "who only looks keeps a log",
        [replace("RedisLog.read", "self._ttl(room) if follow else ''", "self._ttl(room)")],
        f"{_PATTERNS}::test_an_empty_room_reads_as_empty[redis]",
    ),
    Mutant(
        "a room that nobody created is taken for deleted",
        [
            replace(
                "StreamKeeper._end_deleted",
                "{name for name, stream in self._streams.items() if stream.room.keep is None}",
                "set(self._streams)",
            )
        ],
        f"{_PATTERNS}::test_a_check_does_not_take_such_a_room_for_deleted",
    ),
    Mutant(
        "a room that needs no making can be created",
        [never("RoomRegistry.create_room", "self.service.room(name)")],
        f"{_PATTERNS}::test_a_room_that_needs_no_making_cannot_be_created",
    ),
    Mutant(
        "deleting a room that nobody created is not found",
        [
            replace(
                "Publishing.close_room",
                "self.service.room(name) is not None or ...",
                "await self.store.delete(name)",
            )
        ],
        f"{_PATTERNS}::test_deleting_such_a_room_closes_it_and_drops_its_log",
    ),
]
