"""Processes hear each other, and outlast what they depend on."""

from ..mutating import never, remove, replace
from .mutant import Mutant

_CROWDS = "rooms/test_crowds.py"

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
        "rooms that begin while the bus begins are not heard",
        [
            replace(
                "RedisBus._listen",
                "await self._subscribe_all(pubsub)",
                "await pubsub.subscribe(*self._rooms)",
            )
        ],
        "test_subscribing.py::test_rooms_that_begin_while_the_bus_begins_are_heard",
        ["fastapi"],
    ),
    Mutant(
        "rooms that begin while the bus begins are not heard",
        [replace("LayerBus.subscribe", "self._opening", "asyncio.Lock()")],
        "test_subscribing.py::test_rooms_that_begin_while_the_bus_begins_are_heard",
        ["channels"],
    ),
    Mutant(
        "every process says what was sent to all of them",
        [replace("LayerBus._say", "asked.id", "None")],
        "contract/test_django.py::test_what_every_process_is_sent_is_said_once",
        ["channels"],
    ),
    Mutant(
        "an event of another release deafens a process",
        [replace("LayerBus._listen", "Exception", "KeyError")],
        "contract/test_django.py::test_what_no_process_understands_is_logged",
        ["channels"],
    ),
    Mutant(
        "a process that cannot list the rooms does not tell that it lives",
        [replace("StreamKeeper.check", "failure = error", "raise error")],
        "rooms/test_checks.py::test_the_roll_is_called_though_the_rooms_cannot_be_listed",
    ),
    Mutant(
        "a long outage ends the checks",
        [replace("StreamKeeper._pause", "min(failures, 10)", "failures")],
        "rooms/test_checks.py::test_the_keeper_outlives_a_long_outage",
    ),
    Mutant(
        "a lost listener is not missed",
        [never("Server.on_tick", "any(...)")],
        "contract/test_listener.py::test_a_lost_listener_is_replaced_at_the_same_address",
    ),
    Mutant(
        "a crowd leaves without a pause",
        [remove("StreamKeeper.leave", "await self._turns.take()")],
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
