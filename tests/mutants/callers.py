"""What trusted callers send reaches whom it is for, and is said once."""

from ..mutating import always, never, remove, replace
from .mutant import Mutant

_CALLERS = "contract/test_callers.py"
_PUBLISHING = "rooms/test_publishing.py"
_SYNC = "contract/test_sync.py"
_CATCHING_UP = (
    f"{_PUBLISHING}::test_a_client_that_is_told_what_it_missed_gets_frames_that_are_not_kept"
)
_OF_USER = "[one for one in self.connections if one.user == event.user]"

MUTANTS = [
    Mutant(
        "a frame for a user reaches everyone in the room",
        [replace("Stream.apply", _OF_USER, "list(self.connections)")],
        f"{_CALLERS}::test_a_frame_for_a_user_reaches_all_tabs_and_nobody_else",
    ),
    Mutant(
        "a frame for a user reaches one tab of several",
        [replace("Stream.apply", _OF_USER, f"{_OF_USER}[:1]")],
        f"{_CALLERS}::test_a_frame_for_a_user_reaches_all_tabs_and_nobody_else",
    ),
    Mutant(
        "a caller is told that everyone is there",
        [replace("RedisPresence.has", "bool(_)", "True")],
        f"{_CALLERS}::test_a_caller_learns_whether_a_user_is_there",
    ),
    Mutant(
        "a caller sends frames of the engine's types",
        [never("_not_reserved", "name in RESERVED_TYPES")],
        f"{_CALLERS}::test_a_frame_of_a_type_of_the_engine_is_refused[welcome]",
    ),
    Mutant(
        "a frame passes over those who are told what they missed",
        [
            replace(
                "Stream.apply",
                "self.fanout.tell_all(...)",
                "self.fanout.tell_live(frames.Encoded(event.text))",
            )
        ],
        f"{_CATCHING_UP}[False]",
    ),
    Mutant(
        "a frame that is not kept closes a client that is told what it missed",
        [replace("Stream.follow", "frame.size + self._page_bytes", "frame.size")],
        f"{_CATCHING_UP}[True]",
    ),
    Mutant(
        "a frame for a user overtakes the messages of its round",
        [remove("Fanout.tell_one", "self.tell(connection)")],
        f"{_PUBLISHING}::test_a_frame_for_a_user_comes_behind_the_messages_of_its_round",
    ),
    Mutant(
        "a client gets a frame before its welcome",
        [always("Fanout.tell_one", "connection.opened")],
        f"{_PUBLISHING}::test_a_client_without_a_welcome_gets_no_frame",
    ),
    Mutant(
        "a user is closed with *removed* whatever the row",
        [replace("StreamKeeper._apply", "self._rows.get(...)", "Close.REMOVED")],
        f"{_CALLERS}::test_a_user_is_closed_with_any_row_in_all_processes",
    ),
    Mutant(
        "a user who is joining is not removed",
        [
            replace(
                "Publishing.remove_user",
                "await self.close_user(...)",
                "if went:\n    await self.close_user(room, user, Close.REMOVED)",
            )
        ],
        f"{_PUBLISHING}::test_a_user_is_removed_while_joining",
    ),
    Mutant(
        "removing an empty name closes whoever is not admitted yet",
        [replace("StreamKeeper._apply", "_ if event.user else []", "self._roster.members(room)")],
        f"{_PUBLISHING}::test_nobody_has_an_empty_name",
    ),
    # By synchronous code.
    Mutant(
        "synchronous code passes over the manager that serves",
        [never("find_manager", "(serving := _)")],
        f"{_SYNC}::test_the_manager_that_serves_is_the_last_that_was_started",
    ),
    Mutant(
        "synchronous code waits on a running event loop",
        [replace("blocking", "raise RuntimeError(_)", "manager = find_manager()")],
        f"{_SYNC}::test_on_a_running_loop_a_call_names_what_to_write",
    ),
    Mutant(
        "a fork takes its parent's manager for its own",
        [
            replace("find_manager", "_own.setdefault(...)", "_own.setdefault(0, new)"),
            replace("end_own_manager", "_own.pop(...)", "_own.pop(0, None)"),
        ],
        f"{_SYNC}::test_a_fork_makes_a_manager_of_its_own_and_leaves_its_parents_alone",
    ),
    Mutant(
        "hooks run in the context of the view that publishes",
        [
            replace(
                "blocking",
                "Context().run(...)",
                "asyncio.run_coroutine_threadsafe(work, manager.loop)",
            )
        ],
        f"{_SYNC}::test_hooks_do_not_run_in_the_context_of_who_calls",
    ),
    Mutant(
        "synchronous code does not wait for the service to start",
        [remove("blocking", "await manager.started.wait()")],
        f"{_SYNC}::test_a_thread_that_a_resource_starts_waits_until_the_service_has_started",
    ),
    # By the channel layer.
    Mutant(
        "what is sent to a group is said twice, as if by two processes",
        [
            replace(
                "RoomLayer.group_send",
                "work = self._take(manager, asked)",
                "await self._take(manager, asked)\n...",
            )
        ],
        "contract/test_django.py::test_a_process_that_serves_says_it_for_the_others",
        ["channels"],
    ),
    Mutant(
        "a slow room holds up whoever sends to another",
        [always("RoomLayer._take", "not manager.serving")],
        "test_layer.py::test_a_room_that_is_slow_holds_up_no_other",
        ["channels"],
    ),
    Mutant(
        "a process that does not serve loses what it sends to a group",
        [never("RoomLayer._take", "not manager.serving")],
        "test_layer.py::test_a_process_that_does_not_serve_says_it_at_once",
        ["channels"],
    ),
    Mutant(
        "what waits for a slow room has no bound",
        [replace("RoomLayer._take", "len(_) < _MOST_WAITING", "True")],
        "test_layer.py::test_what_waits_for_a_room_is_bounded",
        ["channels"],
    ),
    Mutant(
        "a field of a call that is mistyped is passed over",
        [replace("_Request", 'ConfigDict(extra="forbid")', "ConfigDict()")],
        "contract/test_http.py::test_a_body_with_other_fields_is_refused_by_name",
    ),
]
