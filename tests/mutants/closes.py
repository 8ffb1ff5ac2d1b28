"""The accept comes first; each close has its code, its reason and its last words."""

from ..mutating import always, never, remove, replace
from .mutant import Mutant, ending

MUTANTS = [
    # The accept comes first.
    Mutant(
        "the endpoint closes before the accept if there is no such room",
        [
            replace(
                "room_socket",
                "await websocket.accept(...)",
                "if await manager.store.get(room) is None:\n"
                '    await websocket.close(1008, "Room does not exist")\n'
                "    return\n"
                "...",
            )
        ],
        ending("ROOM_NOT_FOUND"),
        ["fastapi"],
    ),
    Mutant(
        "the consumer closes before the accept if there is no such room",
        [
            replace(
                "RoomConsumer.connect",
                "await self.accept(...)",
                'if await self.manager.store.get(self.scope["path"][4:]) is None:\n'
                '    await self.close(1008, "Room does not exist")\n'
                "    return\n"
                "...",
            )
        ],
        ending("ROOM_NOT_FOUND"),
        ["channels"],
    ),
    Mutant(
        "the endpoint raises WebSocketDisconnect before the accept and catches it, as recipes do",
        [
            replace(
                "room_socket",
                "await websocket.accept(...)",
                "from fastapi import WebSocketDisconnect\n"
                "try:\n"
                "    if await manager.store.get(room) is None:\n"
                '        raise WebSocketDisconnect(1008, "Room does not exist")\n'
                "except WebSocketDisconnect:\n"
                "    return\n"
                "...",
            )
        ],
        ending("ROOM_NOT_FOUND"),
        ["fastapi"],
    ),
    Mutant(
        "the consumer sends JSON and closes before the accept, as recipes do",
        [
            replace(
                "RoomConsumer.connect",
                "await self.accept(...)",
                "try:\n"
                '    identity = await self.manager.tokens.refresh(handshake.token or "", "")\n'
                "except Exception:\n"
                "    identity = None\n"
                "if identity and identity.expires <= self.manager.clock.time():\n"
                '    await self.send(\'{"type": "jwt-expired"}\', close=3000)\n'
                "    return\n"
                "...",
            )
        ],
        ending("TOKEN_EXPIRED"),
        ["channels"],
    ),
    # Every close has its code and its reason.
    Mutant(
        "connections are never closed",
        [replace("Outbox._send_all", "await self._close(...)", "self.sealed = True")],
        ending("ROOM_NOT_FOUND"),
    ),
    Mutant(
        "the close table has another code for a closed room",
        [replace("Close.ROOM_CLOSED", "4410", "4411")],
        "test_written.py::test_a_file_tells_what_the_code_has",
    ),
    Mutant(
        "the close frame has another code than the close table",
        [replace("Connection.close", "row.code", "3999")],
        ending("ROOM_NOT_FOUND"),
    ),
    Mutant(
        "the close table has another reason for a full room",
        [replace("Close.ROOM_FULL", '"Room is full"', '"Full"')],
        "test_written.py::test_a_file_tells_what_the_code_has",
    ),
    Mutant(
        "the close frame has no reason",
        [replace("Connection.close", 'row.reason or ""', '""')],
        ending("ROOM_NOT_FOUND"),
    ),
    Mutant(
        "a close between the fragments of a large message is too big",
        [replace("_CONTROL", "0x08", "0")],
        "contract/test_rfc6455.py::test_a_close_between_fragments_is_answered_with_its_code",
    ),
    Mutant(
        "a close between fragments is a protocol error",
        [never("Framing.recv_frame", "frame.opcode is Opcode.CLOSE")],
        "contract/test_rfc6455.py::test_a_close_is_answered_with_its_code",
    ),
    # Last words and waiting messages come before the close, and nothing after it.
    Mutant(
        "last words are not sent",
        [never("Connection.close", "row.last_words")],
        ending("TOKEN_EXPIRED"),
    ),
    Mutant(
        "last words are sent after the close",
        [
            remove("Outbox.finish", "if last_words: ..."),
            replace("Outbox.finish", "(code, reason)", "(code, reason, last_words)"),
            replace(
                "Outbox._send_all",
                "await self._close(*ending)",
                "await self._close(*ending[:2])\n"
                "if ending[2]:\n"
                "    await self._send(ending[2].text)",
            ),
        ],
        ending("TOKEN_EXPIRED"),
    ),
    Mutant(
        "a close drops the messages that wait",
        [replace("Outbox.finish", "if last_words: ...", "self._waiting.clear()\n...")],
        "rooms/test_outbox.py::test_what_waits_comes_first_then_the_last_words_then_the_close_then_nothing",
    ),
    Mutant(
        "a frame is sent after the close",
        [replace("Outbox._send_all", "await self._close(...)", '...\nawait self._send("{}")')],
        "rooms/test_outbox.py::test_what_waits_comes_first_then_the_last_words_then_the_close_then_nothing",
    ),
    Mutant(
        "of two closes the second counts",
        [never("Outbox.finish", "self.sealed")],
        "rooms/test_outbox.py::test_what_waits_comes_first_then_the_last_words_then_the_close_then_nothing",
    ),
    Mutant(
        "a connection goes back to a state that it had",
        [replace("Connection._step", "self.state < to <= farthest", "to <= farthest")],
        "rooms/test_connection.py::test_a_connection_takes_no_step_back_and_skips_none",
    ),
    # A failure is logged and closes with 1011.
    Mutant(
        "an exception is swallowed",
        [
            replace(
                "ConnectionManager._guarded",
                "logger.exception(...)\nself.end(_, Close.INTERNAL_ERROR)",
                "pass",
            )
        ],
        ending("INTERNAL_ERROR"),
    ),
    Mutant(
        "an exception is logged and the connection stays open",
        [
            replace(
                "ConnectionManager._guarded",
                "logger.exception(...)\nself.end(_, Close.INTERNAL_ERROR)",
                'logger.exception("A connection failed", extra=connection.facts)',
            )
        ],
        ending("INTERNAL_ERROR"),
    ),
    Mutant(
        "an exception that escapes the application is not told by a close with 1011",
        [always("_Watch.fail", "self.ended")],
        "rooms/test_socket_guard.py::test_what_the_application_does_not_end_ends_with_1011",
    ),
    # A stop closes every connection.
    Mutant(
        "a stop forgets the connections that are closing",
        [
            replace(
                "ConnectionManager.drain",
                "self._roster.everyone()",
                "[one for one in self._roster.everyone() if not one.ending]",
            )
        ],
        "rooms/test_drain.py::test_a_stuck_client_is_waited_for_but_no_longer_than_allowed",
    ),
    Mutant(
        "a stop tells the clients nothing",
        [replace("Server.shutdown", "manager.drain()", "asyncio.sleep(0)")],
        "contract/test_process.py::test_a_stop_is_told_to_the_clients_before_the_end",
    ),
    Mutant(
        "a stop tells all clients to return at the same time",
        [replace("reconnect_delay", "random.uniform(0, spread)", "spread")],
        "contract/test_process.py::test_a_stop_is_told_to_the_clients_before_the_end",
    ),
    Mutant(
        "a process that is stopping admits clients",
        [replace("ConnectionManager._enter", "self.draining", "False")],
        "contract/test_http.py::test_a_draining_process_sends_newcomers_away",
    ),
    Mutant(
        "a stop of several workers tells the clients nothing",
        [replace("Worker.server", "Server(self.config)", "uvicorn.Server(self.config)")],
        "contract/test_processes.py::test_all_workers_of_one_command_are_drained",
    ),
]
