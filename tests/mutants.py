"""Services that are broken on purpose: each is a small edit that their own tests must notice."""

from dataclasses import dataclass
from pathlib import Path

from .project import FLAVOURS

BOTH = tuple(FLAVOURS)


@dataclass(frozen=True)
class Mutant:
    """What is edited in the package: in `file`, each old text becomes the new one.

    `caught_by` is the file of the service's tests that must notice, below `tests/`; so that no
    other failure stands in for the proof.
    """

    name: str
    file: str
    edits: dict[str, str]
    caught_by: str
    flavours: tuple[str, ...] = BOTH

    def apply(self, package: Path) -> None:
        """Break a package; it must hold each old text exactly once."""
        path = package / self.file
        text = path.read_text()
        for old, new in self.edits.items():
            assert text.count(old) == 1, f"{self.name}: {old!r} is not once in {self.file}"
            text = text.replace(old, new)
        if path.suffix == ".py":
            compile(text, path.name, "exec")
        path.write_text(text)


ACCEPT = "await websocket.accept(handshake.subprotocol)\n"
ACCEPT_IN_CONSUMER = "await self.accept(handshake.subprotocol)\n"

MUTANTS = [
    Mutant(
        "what is only told is not told",
        "rooms/feed.py",
        {"                self._tell_live(frames.as_frame(event.text))\n": ""},
        "contract/test_processes.py",
    ),
    Mutant(
        "close before the accept",
        "sockets.py",
        {
            ACCEPT: "if await manager.store.get(room) is None:\n"
            '        await websocket.close(1008, "Room does not exist")\n'
            "        return\n"
            f"    {ACCEPT}"
        },
        "contract/test_endings.py",
        ("fastapi",),
    ),
    Mutant(
        "close before the accept",
        "realtime/consumers.py",
        {
            ACCEPT_IN_CONSUMER: 'if await self.manager.store.get(self.scope["path"][4:]) is None:\n'
            '            await self.close(1008, "Room does not exist")\n'
            "            return\n"
            f"        {ACCEPT_IN_CONSUMER}"
        },
        "contract/test_endings.py",
        ("channels",),
    ),
    Mutant(
        "the copied recipe: a disconnect raised before the accept and caught",
        "sockets.py",
        {
            "import APIRouter, WebSocket\n": "import APIRouter, WebSocket, WebSocketDisconnect\n",
            ACCEPT: "try:\n"
            "        if await manager.store.get(room) is None:\n"
            '            raise WebSocketDisconnect(1008, "Room does not exist")\n'
            "    except WebSocketDisconnect:\n"
            "        return\n"
            f"    {ACCEPT}",
        },
        "contract/test_endings.py",
        ("fastapi",),
    ),
    Mutant(
        "the copied recipe: JSON and a close before the accept",
        "realtime/consumers.py",
        {
            "import ConnectionManager\n": "import ConnectionManager\nfrom ..rooms import closes\n",
            ACCEPT_IN_CONSUMER: "try:\n"
            '            self.manager.tokens.check(token or "", self.scope["path"][4:])\n'
            "        except closes.ClosedError as error:\n"
            "            if error.close is closes.Close.TOKEN_EXPIRED:\n"
            '                await self.send(\'{"type": "jwt-expired"}\', close=3000)\n'
            "                return\n"
            f"        {ACCEPT_IN_CONSUMER}",
        },
        "contract/test_endings.py",
        ("channels",),
    ),
    Mutant(
        "no close at all",
        "rooms/outbox.py",
        {"await self._close(*ending)": "self.sealed = True"},
        "contract/test_endings.py",
    ),
    Mutant("another code in the table", "rooms/closes.py", {"4410, ": "4411, "}, "test_written.py"),
    Mutant(
        "another code on the wire",
        "rooms/connection.py",
        {"self._outbox.finish(row.code, ": "self._outbox.finish(3999, "},
        "contract/test_endings.py",
    ),
    Mutant(
        "another reason in the table",
        "rooms/closes.py",
        {'"Room is full"': '"Full"'},
        "test_written.py",
    ),
    Mutant(
        "no reason on the wire",
        "rooms/connection.py",
        {'row.reason or ""': '""'},
        "contract/test_endings.py",
    ),
    Mutant(
        "last words missing",
        "rooms/connection.py",
        {"if row.last_words:": "if False:"},
        "contract/test_endings.py",
    ),
    Mutant(
        "last words after the close",
        "rooms/outbox.py",
        {
            "        if last_words:\n"
            "            self._waiting.append(last_words)\n"
            "            self.bytes += last_words.size\n": "",
            "self._ending = (code, reason)": "self._ending = (code, reason, last_words)",
            "await self._close(*ending)": "await self._close(*ending[:2])\n"
            "            if ending[2]:\n"
            "                await self._send(ending[2].text)",
        },
        "contract/test_endings.py",
    ),
    Mutant(
        "messages that wait are dropped",
        "rooms/outbox.py",
        {"        if last_words:\n": "        self._waiting.clear()\n        if last_words:\n"},
        "rooms/test_outbox.py",
    ),
    Mutant(
        "a send after the close",
        "rooms/outbox.py",
        {
            "await self._close(*ending)": "await self._close(*ending)\n"
            '            await self._send("{}")'
        },
        "rooms/test_outbox.py",
    ),
    Mutant(
        "the second close counts",
        "rooms/outbox.py",
        {"        if self.sealed:\n            return\n        self.sealed": "        self.sealed"},
        "rooms/test_outbox.py",
    ),
    Mutant(
        "an exception swallowed",
        "rooms/manager.py",
        {
            '            logger.exception("A connection failed", extra=facts(connection))\n'
            "            self.end(connection, Close.INTERNAL_ERROR)\n": "            pass\n"
        },
        "contract/test_endings.py",
    ),
    Mutant(
        "1011 not sent",
        "rooms/manager.py",
        {
            '            logger.exception("A connection failed", extra=facts(connection))\n'
            "            self.end(connection, Close.INTERNAL_ERROR)\n": (
                '            logger.exception("A connection failed", extra=facts(connection))\n'
            )
        },
        "contract/test_endings.py",
    ),
    Mutant(
        "1011 not sent for what escapes",
        "rooms/gate.py",
        {"        if self.ended:\n            return\n": "        return\n"},
        "rooms/test_gate.py",
    ),
    Mutant(
        "the expiry ignored at connect",
        "rooms/tokens.py",
        {"if expires <= self._clock.time():": "if False:"},
        "contract/test_endings.py",
    ),
    Mutant(
        "the expiry ignored while connected",
        "rooms/manager.py",
        {"        if when is not None:\n": "        if False:\n"},
        "contract/test_tokens.py",
    ),
    Mutant(
        "the refresh ignored",
        "rooms/manager.py",
        {
            "            self._expire_at(connection, grant.expires)\n        else": (
                "            pass\n        else"
            )
        },
        "contract/test_tokens.py",
    ),
    Mutant(
        "a token of another room accepted",
        "rooms/tokens.py",
        {'if claims["room"] != room:': "if False:"},
        "contract/test_endings.py",
    ),
    Mutant(
        "the capacity ignored",
        "rooms/memory.py",
        {"len(members.counts) >= capacity:": "False:"},
        "contract/test_endings.py",
    ),
    Mutant(
        "the origin not checked",
        "rooms/gate.py",
        {"if not self._allows_origin(scope):": "if False:"},
        "contract/test_denials.py",
    ),
    Mutant(
        "the number of connections not checked",
        "rooms/gate.py",
        {"if self._open >= self._config.max_connections:": "if False:"},
        "contract/test_denials.py",
    ),
    Mutant(
        "the binary frame not refused",
        "rooms/manager.py",
        {"raise ClosedError(Close.BINARY_FRAME)": "return"},
        "contract/test_endings.py",
    ),
    Mutant(
        "the rate not limited",
        "rooms/manager.py",
        {"if not connection.rate.allow():": "if False:"},
        "contract/test_endings.py",
    ),
    Mutant(
        "one slow reader stalls the room",
        "rooms/feeds.py",
        {
            "await self._hear(feed, position)\n": "await self._hear(feed, position)\n"
            "                for one in list(feed.connections):\n"
            "                    await one.written()\n"
        },
        "contract/test_closing.py",
    ),
    Mutant(
        "a slow reader is kept",
        "rooms/outbox.py",
        {"if self.bytes and self.bytes + frame.size > self._max_bytes:": "if False:"},
        "contract/test_closing.py",
    ),
    Mutant(
        "pings fill the memory",
        "protocol.py",
        {"if self.writable.is_set():": "if True:"},
        "contract/test_closing.py",
    ),
    Mutant(
        "an unreadable handshake is not answered",
        "protocol.py",
        {"if self.conn.handshake_exc and not self.handshake_initiated:": "if False:"},
        "contract/test_denials.py",
    ),
    Mutant(
        "what was ending is forgotten at a stop",
        "rooms/manager.py",
        {
            "            self._depart(connection)\n\n    async def drain": (
                "            self._depart(connection)\n"
                "            self._roster.remove(connection)\n\n"
                "    async def drain"
            )
        },
        "rooms/test_drain.py",
    ),
    Mutant(
        "whoever is told to go can still speak",
        "rooms/manager.py",
        {"                if connection.ending:\n                    return\n": ""},
        "rooms/test_manager.py",
    ),
    Mutant(
        "a client that vanishes stays a member",
        "rooms/manager.py",
        {"        self._forget(connection, code)\n        await connection.abandon()\n": ""},
        "contract/test_closing.py",
    ),
    Mutant(
        "the drain skipped",
        "server.py",
        {"create_task(manager.drain())": "create_task(asyncio.sleep(0))"},
        "contract/test_process.py",
    ),
    Mutant(
        "all come back at once",
        "rooms/drain.py",
        {"random.uniform(0, self._spread)": "self._spread"},
        "contract/test_process.py",
    ),
    Mutant(
        "a draining process takes clients",
        "rooms/manager.py",
        {"        if self.draining:\n": "        if False:\n"},
        "contract/test_http.py",
    ),
    Mutant(
        "the gap not repaired",
        "rooms/feeds.py",
        {
            "not feed.take(event)):\n                    self._repair(feed)": (
                "not feed.take(event)):\n                    pass"
            )
        },
        "contract/test_lost_bells.py",
    ),
    Mutant(
        "what no bell told of is never found",
        "rooms/feeds.py",
        {
            "        await self._catch_up(feed)\n        await self.call_roll": (
                "        await self.call_roll"
            )
        },
        "contract/test_lost_bells.py",
    ),
    Mutant(
        "held-back live messages released too early",
        "rooms/feed.py",
        {
            "        for held in self._held.values():\n            held.put(position, frame)\n": (
                "        for one in self._held:\n            one.send(frame)\n"
            )
        },
        "rooms/test_interleavings.py",
    ),
    Mutant(
        "what was held back is told twice",
        "rooms/feed.py",
        {"held.messages if position > seen": "held.messages"},
        "rooms/test_interleavings.py",
    ),
    Mutant(
        "the epoch not compared",
        "rooms/engine.py",
        {"if after.epoch != self.newest.epoch:": "if False:"},
        "rooms/test_log.py",
    ),
    Mutant(
        "recovery in part",
        "rooms/engine.py",
        {"return self.entries[0].offset == after.offset + 1": "return True"},
        "rooms/test_log.py",
    ),
    Mutant(
        "recovered always true",
        "rooms/manager.py",
        {"else position is not None and page.follows(position)": "else True"},
        "contract/test_coming_back.py",
    ),
    Mutant(
        "presence never expires",
        "rooms/redis/call_roll.lua",
        {"'-inf', ms)) do": "'-inf', '-inf')) do"},
        "rooms/test_redis.py",
    ),
    Mutant(
        "a process that was taken for dead stays away",
        "rooms/feeds.py",
        {"        if roll.lost:\n": "        if False:\n"},
        "contract/test_processes.py",
    ),
    Mutant(
        "idempotence dropped in memory",
        "rooms/memory.py",
        {"if once is not None and once in log.said:": "if False:"},
        "contract/test_coming_back.py",
    ),
    Mutant(
        "idempotence dropped in Redis",
        "rooms/redis/append.lua",
        {"if before then": "if false then"},
        "contract/test_processes.py",
    ),
    Mutant(
        "Redis away, and the sender is told nothing",
        "rooms/manager.py",
        {
            '            self._refuse(connection, "unavailable", f"{error}", frame.id)': (
                "            str(error)"
            )
        },
        "contract/test_processes.py",
    ),
    Mutant(
        "ready without Redis",
        "rooms/manager.py",
        {"            await self.engine.ping()\n": "            pass\n"},
        "contract/test_processes.py",
    ),
    Mutant(
        "a log that lost messages goes on as if it had them",
        "rooms/redis/append.lua",
        {"if ARGV[6] ~= '' and (": "if false and ("},
        "rooms/test_log.py",
    ),
    Mutant(
        "workers are not drained",
        "server.py",
        {"self._server = Server(self.config)": "self._server = uvicorn.Server(self.config)"},
        "contract/test_processes.py",
    ),
    Mutant(
        "rooms that begin while the bus begins are not heard",
        "bus.py",
        {"await self._subscribe_all(pubsub)": "await pubsub.subscribe(*self._rooms)"},
        "rooms/test_bus.py",
        ("fastapi",),
    ),
    Mutant(
        "rooms that begin while the bus begins are not heard",
        "realtime/bus.py",
        {"            async with self._opening:\n": "            if True:\n"},
        "rooms/test_bus.py",
        ("channels",),
    ),
    Mutant(
        "each process says what all were sent",
        "realtime/bus.py",
        {"asked.sender, asked.id)": "asked.sender, None)"},
        "contract/test_django.py",
        ("channels",),
    ),
    Mutant(
        "a logout closes nothing",
        "realtime/signals.py",
        {
            "    if session := session_name(request.session):\n": (
                "    if session := session_name(None):\n"
            )
        },
        "contract/test_django.py",
        ("channels",),
    ),
    Mutant(
        "a room is judged before it has begun",
        "rooms/feeds.py",
        {
            "        if feed in self._beginnings:\n"
            "            await asyncio.wait([self._beginnings[feed]])\n"
            "        while": "        while"
        },
        "rooms/test_checks.py",
    ),
    Mutant(
        "a room that is entered again is not heard of",
        "rooms/feeds.py",
        {
            "            if name not in self._feeds:\n                self._subscribed": (
                "            if True:\n                self._subscribed"
            )
        },
        "rooms/test_checks.py",
    ),
    Mutant(
        "no roll is called where the rooms cannot be listed",
        "rooms/feeds.py",
        {"            failure = error\n": ("            raise error\n")},
        "rooms/test_checks.py",
    ),
    Mutant(
        "what is left of a deleted room stays",
        "rooms/manager.py",
        {
            "        await self.room_deleted(name)\n        if not found:\n": (
                "        if found:\n            await self.room_deleted(name)\n        else:\n"
            )
        },
        "rooms/test_checks.py",
    ),
    Mutant(
        "who leaves while joining fails stays a member",
        "rooms/manager.py",
        {
            "        finally:\n            # It may have left": (
                "        except KeyError:\n            # It may have left"
            )
        },
        "rooms/test_checks.py",
    ),
    Mutant(
        "the dead keep others out",
        "rooms/manager.py",
        {
            "            await self._feeds.call_roll(feed)\n            return await join()\n": (
                "            raise\n"
            )
        },
        "rooms/test_checks.py",
    ),
    Mutant(
        "a long outage ends the checks for good",
        "rooms/feeds.py",
        {"min(failures, 10)": ("failures")},
        "rooms/test_checks.py",
    ),
    Mutant(
        "an event of another release deafens a process",
        "realtime/bus.py",
        {
            '            except Exception:\n                logger.exception("What came': (
                '            except KeyError:\n                logger.exception("What came'
            )
        },
        "contract/test_django.py",
        ("channels",),
    ),
    Mutant(
        "the client forgets what was under way",
        "static/outbox.js",
        {
            "      pending.waits = true;\n    }\n  }\n": (
                "      pending.waits = pending.waits;\n    }\n  }\n"
            )
        },
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "the client comes back as if it had never been there",
        "static/rooms.js",
        {"if (this.#position !== null) {": ("if (false) {")},
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "the client does not wait as told",
        "static/rooms.js",
        {"this.#retryAfter === null ? null : this.#retryAfter * 1000": ("null")},
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "the client does not notice a dead connection",
        "static/rooms.js",
        {'this.#after("beat", this.#options.heartbeat, this.#doubt);': ""},
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "the client returns ever as soon",
        "static/rooms.js",
        {"firstDelay * 2 ** this.#failures++": ("firstDelay")},
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "the client stops where it should return",
        "static/rooms.js",
        {'if (row?.advice === "STOP") {': ("if (row?.advice) {")},
        "client/test_rooms_js.py",
        ("fastapi",),
    ),
    Mutant(
        "what waits is not joined",
        "rooms/outbox.py",
        {"while self._joins and self._waiting and": "while False and"},
        "rooms/test_outbox.py",
    ),
    Mutant(
        "a frame overtakes what waits",
        "rooms/outbox.py",
        {"if not self.bytes and self._write and": "if self._write and"},
        "rooms/test_outbox.py",
    ),
    Mutant(
        "a pong overtakes what waits in lines",
        "rooms/manager.py",
        {"self._feeds.flush(connection.room)\n        if not connection.s": "if not connection.s"},
        "contract/test_lines.py",
        ("fastapi",),
    ),
    Mutant(
        "what waits in lines is not told before a close",
        "rooms/manager.py",
        {"self._feeds.flush(connection.room)\n        if not connection.e": "if not connection.e"},
        "contract/test_lines.py",
        ("fastapi",),
    ),
    Mutant(
        "lines are read as one message",
        "rooms/connection.py",
        {'received.split("\\n") if self.lines else [received]': "[received]"},
        "contract/test_lines.py",
    ),
    Mutant(
        "passwords are guessed without end",
        "rooms/registry.py",
        {"            self._guesses.count(address, room)\n": ""},
        "contract/test_threats.py",
    ),
    Mutant(
        "guesses are counted once it is known that they were wrong",
        "rooms/registry.py",
        {
            "            self._guesses.count(address, room)\n": "",
            "            if not right:\n": (
                "            if not right:\n                self._guesses.count(address, room)\n"
            ),
        },
        "contract/test_threats.py",
    ),
    Mutant(
        "slow requests are waited for",
        "protocol.py",
        {"call_later(self.limit_seconds,": "call_later(3600,"},
        "contract/test_floods.py",
    ),
    Mutant(
        "half-open connections add up",
        "protocol.py",
        {"if len(self._open) > self.most_open:": "if False:"},
        "contract/test_floods.py",
    ),
    Mutant(
        "a head grows for ever",
        "protocol.py",
        {"self._besides_bodies += len(data)": "pass"},
        "contract/test_floods.py",
    ),
    Mutant(
        "empty fragments are kept for ever",
        "protocol.py",
        {"if len(self.frames) < _MOST_FRAGMENTS:": "if True:"},
        "contract/test_floods.py",
    ),
    Mutant(
        "nothing is said of a key that can be guessed",
        "config.py",
        {"elif len(self.secret_key.encode()) < _SAFE_KEY_BYTES:": "elif False:"},
        "test_config.py",
    ),
    Mutant(
        "a token logged",
        "rooms/manager.py",
        {
            "        connection.announced = room.presence\n": (
                "        connection.announced = room.presence\n"
                '        logger.info("Who comes is %r", handshake)\n'
            )
        },
        "contract/test_talking.py",
    ),
    Mutant(
        "a token in a query logged",
        "logs.py",
        {'part.partition("?")[0] if isinstance(part, str) else part': "part"},
        "contract/test_process.py",
    ),
    Mutant(
        "closes counted under the wrong row",
        "rooms/records.py",
        {"metrics.CLOSES.labels(row).inc()": "metrics.CLOSES.labels(metrics.CLIENT_LEFT).inc()"},
        "contract/test_endings.py",
    ),
    Mutant(
        "deliveries not counted",
        "rooms/feed.py",
        {"        metrics.DELIVERIES.inc(len(self._live) + len(self._live_in_lines))\n": ""},
        "contract/test_metrics.py",
    ),
    Mutant(
        "a worker tells of itself alone",
        "server.py",
        {"os.environ[WORKERS_FOLDER] = folder": "pass"},
        "contract/test_metrics.py",
    ),
    Mutant(
        "the metrics shown to whoever comes through a proxy",
        "rooms/access.py",
        {'if config.metrics == "key" or forwarded or': 'if config.metrics == "key" or'},
        "contract/test_metrics.py",
    ),
]
