"""What a handler of the owner's is asked and told: each rule, in order, and once."""

from ..mutating import always, never, remove, replace
from .mutant import Mutant

_HANDLERS = "contract/test_handlers.py"
_LANE = "rooms/test_lane.py"
_DECLARATIONS = "rooms/test_declarations.py"
_AWAITED = f"{_HANDLERS}::test_while_a_handler_waits_pings_are_answered_and_frames_wait_in_order"
_WHOEVER = f"{_HANDLERS}::test_a_rule_decides_what_is_said_whoever_says_it"
_ONCE = f"{_HANDLERS}::test_coming_and_going_is_told_once_for_each_connection"
_TASKS = f"{_LANE}::test_tasks_end_with_the_connection_with_the_room_and_at_the_stop"
_REFUSED = """\
try:
    body, message = await self._handling.before_publish(
        room, sender, body, message_id, connection
    )
except Refused:
    message = None"""

MUTANTS = [
    # Rules.
    Mutant(
        "a client is not asked for",
        [replace("Handling.authorize", "await handler.authorize(request)", "'speaker'")],
        f"{_HANDLERS}::test_a_rule_decides_who_may_enter",
    ),
    Mutant(
        "a client with a new token is not asked for",
        [
            replace(
                "Handling.refreshed",
                "await self.find(connection.room).refreshed(client, request)",
                "client.state",
            )
        ],
        f"{_HANDLERS}::test_a_new_token_is_asked_for_again",
    ),
    Mutant(
        "a trusted caller's message passes the rule",
        [
            replace(
                "Handling.before_publish",
                "'before_publish' in handler.hooks",
                "connection and 'before_publish' in handler.hooks",
            )
        ],
        _WHOEVER,
    ),
    Mutant(
        "a client's message passes the rule",
        [
            replace(
                "Handling.before_publish",
                "'before_publish' in handler.hooks",
                "not connection and 'before_publish' in handler.hooks",
            )
        ],
        _WHOEVER,
    ),
    Mutant(
        "a message that the rule refused is said",
        [
            replace(
                "Publishing._publish",
                "body, message = await self._handling.before_publish(...)",
                _REFUSED,
            )
        ],
        _WHOEVER,
    ),
    Mutant(
        "what the rule made of a message is not said",
        [remove("Handling.before_publish", "message = replace(message, body=changed.body)")],
        f"{_HANDLERS}::test_a_rule_may_change_what_is_said_and_knows_who_says_it",
    ),
    Mutant(
        "the type of bodies is not looked at",
        [replace("_validated", "handler.bodies is None", "True")],
        f"{_HANDLERS}::test_bodies_may_have_a_type",
    ),
    Mutant(
        "a body goes out under names by which it can't be read",
        [
            replace(
                "Handling.before_publish",
                "handler.bodies.dump_python(...)",
                "handler.bodies.dump_python(body, mode='json')",
            )
        ],
        f"{_HANDLERS}::test_a_body_goes_out_under_the_names_by_which_it_came_in",
    ),
    Mutant(
        "the type of bodies is not described",
        [remove("describe", "properties['body'] = any_of(bodies or [anything])")],
        "rooms/test_schemas.py::test_typed_bodies_are_described_in_both_directions",
    ),
    # Frames and answers.
    Mutant(
        "a handler is awaited where the socket is read",
        [
            replace(
                "InboundFrames._take_text",
                "lane.put(...)",
                "await self._act(connection, frame)",
            )
        ],
        _AWAITED,
    ),
    Mutant(
        "a ping waits behind a handler",
        [
            replace(
                "InboundFrames._take_text",
                "isinstance(frame, frames.Ping) and frame.ref is None and connection.opened",
                "False",
            )
        ],
        _AWAITED,
    ),
    Mutant(
        "two frames of one client are handled at once",
        [replace("Lane._work", "await job()", "asyncio.ensure_future(job())")],
        f"{_LANE}::test_jobs_run_in_order_one_at_a_time",
    ),
    Mutant(
        "reading goes on however much waits",
        [never("Lane.ready", "self.bytes > self._max_bytes")],
        f"{_HANDLERS}::test_a_flood_behind_a_handler_that_waits_is_bounded_and_nothing_is_lost",
    ),
    Mutant(
        "a client whose pong is not read yet is closed",
        [replace("SocketProtocol.keepalive_timeout", "self.read_paused or self._was_paused", "0")],
        f"{_HANDLERS}::test_a_flood_behind_a_handler_that_waits_is_bounded_and_nothing_is_lost",
    ),
    Mutant(
        "an answer has no ref",
        [replace("Handling._answer", "answer.model_copy(...)", "answer")],
        f"{_HANDLERS}::test_a_frame_with_a_ref_is_answered_with_it",
    ),
    Mutant(
        "a mistake in a handler is told as a refusal",
        [replace("Handling._answer", "RoomsError", "Exception")],
        f"{_HANDLERS}::test_a_mistake_ends_one_connection",
    ),
    Mutant(
        "what was not read for a time counts at once",
        [remove("InboundFrames.take", "connection.credit_unread()")],
        f"{_LANE}::test_the_rate_gives_credit_for_what_was_not_read",
    ),
    Mutant(
        "a refresh that waits is too late",
        [remove("InboundFrames._take_text", "connection.expire_at(None)")],
        f"{_LANE}::test_a_refresh_behind_a_slow_frame_is_in_time",
    ),
    # Coming and going.
    Mutant(
        "a greeting comes before the welcome",
        [
            replace(
                "Entrance._open",
                "self.answer(connection, welcome)\n"
                "record_join(connection)\n"
                "await self.handling.connected(connection, first=first)",
                "await self.handling.connected(connection, first=first)\n"
                "self.answer(connection, welcome)\n"
                "record_join(connection)",
            )
        ],
        _ONCE,
    ),
    Mutant(
        "a client's coming is told twice",
        [
            replace(
                "Handling.connected",
                "await handler.connected(client, first=first)",
                "await handler.connected(client, first=first)\n...",
            )
        ],
        _ONCE,
    ),
    Mutant(
        "a client's going is told twice",
        [
            replace(
                "Handling.left",
                "await handler.disconnected(client, last=last)",
                "await handler.disconnected(client, last=last)\n...",
            )
        ],
        _ONCE,
    ),
    Mutant(
        "a client's going is told to its handler before the others",
        [replace("Handling.left", "await connection.membership.left()", "False")],
        f"{_LANE}::test_the_others_are_told_that_a_client_left_before_its_hook_runs",
    ),
    Mutant(
        "what a client sent before its fault is dropped",
        [always("ConnectionManager.finish", "connection.lane.idle")],
        f"{_HANDLERS}::test_who_is_closed_for_what_it_sent_was_heard_before",
    ),
    Mutant(
        "a handler speaks on for a client that was removed",
        [replace("Client.is_cut_off", "self._connection.ending and not self._gone", "False")],
        f"{_HANDLERS}::test_a_removal_ends_the_membership_at_once_and_what_waits",
    ),
    Mutant(
        "what waits for a rule is said for a client that was removed",
        [never("Handling.before_publish", "client and client.is_cut_off")],
        f"{_LANE}::test_what_waits_for_a_rule_is_not_said_for_a_client_that_was_removed",
    ),
    Mutant(
        "a client that ended while it was asked for is kept",
        [always("Handling.authorize", "not connection.ending")],
        f"{_LANE}::test_what_is_forgotten_leaves_nothing",
    ),
    # Tasks, and the stop.
    Mutant(
        "a task outlives its client",
        [remove("Client.leave", "await self._tasks.end()")],
        _TASKS,
    ),
    Mutant(
        "a task begins for a client that has gone",
        [never("Client.spawn", "self._gone")],
        _TASKS,
    ),
    Mutant(
        "a room is emptied beside a task that runs",
        [remove("RoomHooks._empty", "await life.tasks.end()")],
        _TASKS,
    ),
    Mutant(
        "a lane that was cancelled before it began never ends",
        [remove("Lane._wake", "self._task.add_done_callback(self._ended)")],
        f"{_LANE}::test_a_lane_that_is_cancelled_before_it_began_does_what_comes_last",
    ),
    Mutant(
        "a room is not left where its hook is cancelled",
        [never("Handling.left", "client.entered")],
        f"{_LANE}::test_a_stop_cancels_disconnected_after_a_moment",
    ),
    Mutant(
        "a handler that awaits a cancelled task says nothing",
        [always("calling", "task and task.cancelling()")],
        f"{_LANE}::test_a_handler_that_awaits_a_cancelled_task_ends_the_connection",
    ),
    # Declarations.
    Mutant(
        "rows of the owner's are not looked at",
        [remove("RoomHandler.__init_subclass__", "check_rows(...)")],
        f"{_DECLARATIONS}::test_a_row_that_goes_not_with_the_table_is_refused",
    ),
    Mutant(
        "a rule takes the place of another",
        [remove("RoomHandler.__init_subclass__", "_check_bases(cls)")],
        f"{_DECLARATIONS}::test_no_rule_takes_the_place_of_another",
    ),
    # Queries.
    Mutant(
        "all handlers ask the database in one thread",
        [
            remove("RunContext.__aenter__", "await self._context.__aenter__()"),
        ],
        "test_run_context.py::test_two_handlers_that_ask_at_once_have_a_thread_each",
        ["channels"],
    ),
    Mutant(
        "a connection stays open behind a handler",
        [remove("RunContext.__aexit__", "await sync_to_async(connections.close_all)()")],
        "test_run_context.py::test_connections_are_closed_behind_a_handler",
        ["channels"],
    ),
    Mutant(
        "a hook asks in the thread of the request before it",
        [replace("Lane._wake", "self._context.copy()", "None")],
        "test_run_context.py::test_a_hook_behind_a_request_does_not_ask_in_its_thread",
        ["channels"],
    ),
    Mutant(
        "a bot answers itself more often than it may",
        [replace("_MOST_ANSWERS", "10", "20")],
        "rooms/test_lane.py::test_a_bot_that_answers_itself_comes_to_an_end",
    ),
]
