"""Processes of this machine, found in `/proc`; where there is none, nothing is found."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"


def mentioning(text: str) -> Iterator[int]:
    """Find the other processes with a text in their command, environment or folder's path."""
    for pid in _pids():
        with suppress(OSError):
            known = [(_PROC / f"{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
            # Redis writes over both.
            known.append(bytes((_PROC / f"{pid}/cwd").readlink()))
            if any(text.encode() in one for one in known):
                yield pid


def of_session(session: int) -> list[int]:
    """Find the processes of a session, which a shell and all that it started are."""
    found = []
    for pid in _pids():
        with suppress(ProcessLookupError):
            if os.getsid(pid) == session and _is_running(pid):
                found.append(pid)
    return found


def command(pid: int) -> str:
    """Read the command line of a process."""
    with suppress(OSError):
        return (
            (_PROC / f"{pid}/cmdline")
            .read_text(encoding="utf-8", errors="replace")
            .replace("\0", " ")
            .strip()
        )
    return "(ended)"


def ports(pid: int) -> list[int]:
    """Find the TCP ports at which a process listens."""
    inodes = set()
    with suppress(OSError):
        for file in (_PROC / f"{pid}/fd").iterdir():
            with suppress(OSError):
                inodes.add(str(file.readlink()))
    found = set()
    for table in _PROC.glob("net/tcp*"):
        for line in table.read_text(encoding="utf-8").splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in inodes:
                found.add(int(fields[1].rpartition(":")[2], 16))
    return sorted(found)


def kill(pid: int) -> None:
    """End a process at once, if it has not ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _pids() -> list[int]:
    others = [int(path.name) for path in _PROC.glob("[0-9]*")]
    return [pid for pid in others if pid != os.getpid()]


def _is_running(pid: int) -> bool:
    with suppress(OSError):
        # After the name, which may hold anything, comes the state.
        return (_PROC / f"{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] != "Z"
    return False
