"""One server at one piece of work, once."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from servers import HERE, LOAD_CORE, Running, Server, on_core, redis, running
from works import Work

_SETTLE_SECONDS = 0.5
_WARMUP_SECONDS = 1.0

Result = dict[str, float | None]


def fits(server: Server, work: Work) -> bool:
    """Whether this server does this work."""
    if work.handles != server.handles:
        return False
    if work.only and not any(part in server.name for part in work.only):
        return False
    if not server.rooms and (work.rooms > 1 or work.others):
        return False
    return work.processes == 1 or bool(server.ours) or server.redis


def measure(server: Server, work: Work, seconds: float, folder: Path) -> Result:
    """Start the server, put the load on it, and stop it.

    Returns:
        What the load counted; `cpu_us`, the microseconds that the server computed for a delivery;
        `connection_kib`, what an idle connection takes.
    """
    with ExitStack() as stack:
        settings = dict(work.settings)
        if work.redis or server.redis:
            settings["REDIS_URL"] = stack.enter_context(redis(folder))
        rooms = ",".join(work.all_rooms)
        processes = [
            stack.enter_context(running(server, rooms, settings, folder / f"server-{number}.log"))
            for number in range(work.processes)
        ]
        before = processes[0].memory()
        load = stack.enter_context(_load(folder, server, work, seconds, processes))
        if work.holds:
            return _hold(load, processes[0], before, work)
        return _talk(load, processes)


def _load(
    folder: Path, server: Server, work: Work, seconds: float, processes: list[Running]
) -> subprocess.Popen[str]:
    job = {
        "dialect": server.dialect,
        "urls": [process.url for process in processes],
        "rooms": work.all_rooms,
        "busy": list(work.busy),
        "inflight": work.inflight,
        "bytes": work.bytes,
        "stalled": work.stalled,
        "hold": work.holds,
        "settle": _SETTLE_SECONDS,
        "warmup": _WARMUP_SECONDS,
        "seconds": seconds,
    }
    python = str(folder / "peers" / "bin" / "python")
    command = on_core(LOAD_CORE, python, str(HERE / "load.py"))
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _write(load, json.dumps(job))
    return load


def _talk(load: subprocess.Popen[str], processes: list[Running]) -> Result:
    _expect(load, "start")
    before = sum(process.cpu_seconds() for process in processes)
    _expect(load, "end")
    computed = sum(process.cpu_seconds() for process in processes) - before
    result: dict[str, Any] = json.loads(_read(load))
    result["cpu_us"] = computed * 1e6 / result["deliveries"] if result["deliveries"] else None
    if result["messages"]:
        result["message_us"] = computed * 1e6 / result["messages"]
    return result


def _hold(load: subprocess.Popen[str], process: Running, before: int, work: Work) -> Result:
    _expect(load, "held")
    taken = process.memory() - before
    _write(load, "go")
    result: dict[str, Any] = json.loads(_read(load))
    return result | {"connection_kib": taken / 1024 / (work.rooms * work.members)}


def _write(load: subprocess.Popen[str], line: str) -> None:
    assert load.stdin
    load.stdin.write(f"{line}\n")
    load.stdin.flush()


def _read(load: subprocess.Popen[str]) -> str:
    assert load.stdout
    line = load.stdout.readline()
    if not line:
        raise RuntimeError("the load failed")
    return line.strip()


def _expect(load: subprocess.Popen[str], line: str) -> None:
    if (found := _read(load)) != line:
        raise RuntimeError(f"the load said {found!r} instead of {line!r}")
