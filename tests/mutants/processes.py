"""Processes hear each other, and outlast what they depend on."""

from ..mutating import never, remove, replace
from .mutant import Mutant

_BUS = "rooms/test_bus.py"
_CROWDS = "rooms/test_crowds.py"
_LEASES = "rooms/test_leases.py"

MUTANTS = [
    Mutant(
        "a process is ready without Redis",
        [remove("ConnectionManager.ready", "await self.backend.ping()")],
        "contract/test_processes.py::test_redis_away_is_told_and_what_was_said_then_arrives",
    ),
    Mutant(
        "connections that died with a Redis are used again",
        [replace("connect", "2", "3")],
        "rooms/test_redis.py::test_a_restarted_redis_answers_although_every_idle_connection_died",
    ),
    Mutant(
        "a command that the end interrupts leaves its connection open",
        [never("ConnectionPool.release", "self._closed")],
        "rooms/test_redis.py::test_what_the_end_interrupts_leaves_no_connection",
    ),
    Mutant(
        "rooms that begin while the bus begins are not heard",
        [
            replace(
                "RedisBus._listen",
                "await self._subscribe_all(pubsub)",
                "await pubsub.subscribe(*self._rooms)",
            )
        ],
        f"{_BUS}::test_rooms_that_begin_while_the_bus_begins_are_heard[redis]",
    ),
    Mutant(
        "a message that cannot be read ends the receiver's connection",
        [replace("RedisBus._deliver", "self._drop(room, error)", "raise")],
        f"{_BUS}::test_unreadable_messages_are_counted_logged_once_and_skipped",
    ),
    Mutant(
        "a message in another encoding ends the receiver's connection",
        [replace("connect", "'replace'", "'strict'")],
        f"{_BUS}::test_unreadable_messages_are_counted_logged_once_and_skipped",
    ),
    Mutant(
        "an event with a field of another release is refused",
        [replace("_Event", "'ignore'", "'forbid'")],
        f"{_BUS}::test_events_with_unknown_fields_are_delivered",
    ),
    Mutant(
        "a room's record with a field of another release is refused",
        [
            replace(
                "RedisRoomStore.get",
                "_records.validate_json(kept)",
                "_records.validate_json(kept, extra='forbid')",
            )
        ],
        "test_store.py::test_a_record_with_unknown_fields_is_read",
        ["fastapi"],
    ),
    Mutant(
        "services on two databases of one Redis hear each other",
        [replace("Keyspace.channel", "self.database", "0")],
        f"{_BUS}::test_another_prefix_or_database_is_not_heard[test-1]",
    ),
    Mutant(
        "a silent subscription stays as it is",
        [never("RedisBus.report_gap", "self._hearing and _")],
        f"{_BUS}::test_a_silent_subscription_is_made_anew",
    ),
    Mutant(
        "a process is ready though Redis takes no writes",
        [
            replace("RedisBackend.ping", "self.log.append(...)", "self.redis.ping()"),
            remove("RedisBackend.ping", "await self.log.delete(...)"),
        ],
        "contract/test_processes.py::test_a_process_whose_redis_takes_no_writes_is_not_ready",
    ),
    Mutant(
        "a process is ready though it may not publish",
        [replace("RedisBackend.ping", "self.log.append(...)", 'self.redis.set(_PROBE, "", ex=1)')],
        "contract/test_processes.py::test_a_process_that_lacks_a_right_in_redis_is_not_ready",
    ),
    Mutant(
        "the bus is not told of the gaps that the log fills",
        [remove("Stream.catch_up", "self._links.bus.report_gap(...)")],
        "contract/test_lost_bells.py::test_a_subscription_that_is_silent_is_made_anew",
    ),
    Mutant(
        "a process that cannot list the rooms does not tell that it lives",
        [replace("StreamKeeper.check", "await self._renew_leases()", "await self._compare()")],
        "rooms/test_checks.py::test_the_roll_is_called_though_the_rooms_cannot_be_listed",
    ),
    Mutant(
        "a worker that died while it was asked is waited for",
        [remove("Worker.start", "self.child_conn.close()")],
        "contract/test_process.py::test_a_worker_that_died_is_not_waited_for",
    ),
    Mutant(
        "one room's failure ends the heartbeat of all",
        [replace("Links.attempt", "Exception", "KeyError")],
        f"{_LEASES}::test_a_room_that_fails_costs_no_other_its_lease",
    ),
    Mutant(
        "a heartbeat stops at the first room that fails",
        [replace("StreamKeeper._each", "done += ...", "...\nif not all(done):\n    break")],
        f"{_LEASES}::test_a_room_that_fails_costs_no_other_its_lease",
    ),
    Mutant(
        "leases are renewed behind the room store",
        [
            replace("StreamKeeper.keep", "self._keep_leases()", "asyncio.sleep(0)"),
            replace(
                "StreamKeeper._compare",
                "stored = ...",
                "...\nawait self._renew_leases()",
            ),
        ],
        f"{_LEASES}::test_a_room_store_that_hangs_costs_no_room_its_lease",
    ),
    Mutant(
        "a long outage ends the checks",
        [replace("Tuning.pause", "min(failures, 10)", "failures")],
        "rooms/test_checks.py::test_the_keeper_outlives_a_long_outage",
    ),
    Mutant(
        "a lost listener is not missed",
        [never("Server.on_tick", "any(...)")],
        "contract/test_listener.py::test_a_lost_listener_is_replaced_at_the_same_address",
    ),
    Mutant(
        "a crowd leaves without a pause",
        [remove("Departures.leave", "await self._turns.take()")],
        f"{_CROWDS}::test_a_crowd_that_leaves_lets_others_run_in_between",
    ),
    Mutant(
        "turns that an ended event loop took are gone",
        [replace("Turns.take", "loop is not self._loop", "self._loop is None")],
        f"{_CROWDS}::test_turns_are_there_again_in_another_event_loop",
    ),
    Mutant(
        "a crowd connects without a pause",
        [remove("SocketGuard.__call__", "await self._turns.take()")],
        f"{_CROWDS}::test_a_crowd_that_connects_lets_others_run_in_between",
    ),
]
