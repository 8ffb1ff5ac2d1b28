"""nginx in front of a service, set as a rendered project ships it."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from .fleet import until
from .ports import free_ports
from .project import Project

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def find_nginx() -> str:
    """Find nginx; skip the test where it is not installed."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("there is no nginx: install it, for example by `apt install nginx-light`")
    return program


def configuration(project: Project, folder: Path, port: int, replicas: Sequence[int]) -> str:
    """Read what the project ships, with other addresses and folders; all else is as it is."""
    text = (project.path / "deploy/nginx.conf").read_text(encoding="utf-8")
    kept = "".join(f"    {name}_temp_path {folder / name};\n" for name in _TEMPORARY)
    for pattern, new in {
        r"listen 8080;": f"listen 127.0.0.1:{port};",
        r"server service:8000(.*;)": "\n".join(rf"server 127.0.0.1:{n}\1" for n in replicas),
        r"http {\n": f"http {{\n{kept}",
    }.items():
        text, times = re.subn(pattern, new, text)
        assert times == 1, f"{pattern} is {times} times in nginx.conf"
    return text


@asynccontextmanager
async def proxying(project: Project, replicas: Sequence[int]) -> AsyncIterator[str]:
    """Run the proxy before the replicas that listen at these ports; where it is."""
    folder = project.path.parent / "nginx"
    folder.mkdir()
    (port,) = free_ports(1)
    (folder / "nginx.conf").write_text(
        configuration(project, folder, port, replicas), encoding="utf-8"
    )
    own = f"daemon off; pid {folder / 'nginx.pid'};"
    command = [find_nginx(), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr", "-g", own]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stderr=output, start_new_session=True)
    try:
        await until(
            lambda: process.poll() is not None or _listens(port),
            lambda: f"nginx to listen:\n{log.read_text(encoding='utf-8')}",
        )
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
