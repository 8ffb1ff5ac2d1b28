"""What carries the service to where it runs: image, compose, Kubernetes, and audits.

No Docker runs here: what it would do with the files is done by other means.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from .fleet import LIMIT_SECONDS, PRODUCTION, Process
from .ports import free_ports
from .project import ONCE, Project

HADOLINT = ("hadolint", "--failure-threshold", "style")
SCHEMA = ("check-jsonschema", "--builtin-schema")
CHECKS: dict[str, tuple[str, ...]] = {
    "Dockerfile": HADOLINT,
    "compose.yaml": (*SCHEMA, "vendor.compose-spec"),
    "deploy/kubernetes/service.yaml": ("kubernetes-validate", "--strict"),
    ".github/dependabot.yml": (*SCHEMA, "vendor.dependabot"),
    ".github/workflows/audit.yml": (*SCHEMA, "vendor.github-workflows"),
    ".github/workflows/test.yml": (*SCHEMA, "vendor.github-workflows"),
}
# Kubernetes takes such names only.
DNS_LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@pytest.mark.parametrize("name", CHECKS)
def test_what_ships_is_as_its_reader_takes_it(name: str, project: Project) -> None:
    program, *options = CHECKS[name]
    command = [str(Path(sys.executable).parent / program), *options, name]
    done = subprocess.run(
        command, cwd=project.path, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("slug", ["ab", "My.Rooms_2"])
def test_it_has_a_name_that_kubernetes_takes(slug: str, flavour: str, tmp_path: Path) -> None:
    project = Project.render(tmp_path, flavour, project_slug=slug)
    kinds = manifests(project)
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    names = [one["metadata"]["name"] for one in kinds.values()]
    names.append(container["image"].partition(":")[0])
    assert len(set(names)) == 1
    assert DNS_LABEL.fullmatch(names[0])


def test_a_stop_has_the_time_that_it_takes(project: Project) -> None:
    takes = limits(project)["stop"]
    compose = yaml.safe_load((project.path / "compose.yaml").read_text(encoding="utf-8"))
    assert seconds(compose["services"]["service"]["stop_grace_period"]) > takes
    pod = manifests(project)["Deployment"]["spec"]["template"]["spec"]
    before = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before + takes


def test_the_proxy_waits_longer_than_the_service(project: Project) -> None:
    text = (project.path / "deploy/nginx.conf").read_text(encoding="utf-8")
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        (given,) = re.findall(rf"{name} (\w+);", text)
        assert seconds(given) > limits(project)["silence"]


def test_the_image_serves_and_its_probes_are_answered(project: Project, tmp_path: Path) -> None:
    """What the Dockerfile runs is run here, in a copy of what it would have."""
    built = project.copy(tmp_path).alone()
    for path in ignored_by_docker(built):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    dockerfile = (built.path / "Dockerfile").read_text(encoding="utf-8")
    for command in re.findall(r"^RUN (uv sync .*)$", dockerfile, re.MULTILINE):
        built.run(*command.split())
    programs = built.path / ".venv/bin"
    image = tmp_path / "image"
    image.mkdir()
    # It is not installed from its sources: these stay behind.
    shutil.move(built.path / "src", tmp_path / "sources")

    async def play() -> None:
        (port,) = free_ports(1)
        (command,) = re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)
        program, *arguments = json.loads(command)
        settings = {
            **PRODUCTION,
            "ALLOWED_HOSTS": "www.example.org",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}",
            "PORT": str(port),
        }
        process = Process("image", (str(programs / program), *arguments), image, settings)
        try:
            await process.start()
            await asyncio.to_thread(probe, port)
            built.run(*health_check(dockerfile, programs), environment=settings)
        finally:
            await process.stop()

    def probe(port: int) -> None:
        (container,) = manifests(project)["Deployment"]["spec"]["template"]["spec"]["containers"]
        paths = set()
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = container[kind]["httpGet"]
            headers = {one["name"]: one["value"] for one in get["httpHeaders"]}
            request = Request(f"http://127.0.0.1:{port}{get['path']}", headers=headers)
            with urlopen(request, timeout=LIMIT_SECONDS) as answer:  # noqa: S310 (loopback)
                assert answer.status == 200
            paths.add(get["path"])
        assert paths == {"/healthz", "/readyz"}

    asyncio.run(play())
    assert list(image.iterdir()) == [], "it writes where an image takes nothing"


def health_check(dockerfile: str, programs: Path) -> list[str]:
    """Read the command by which Docker asks how it is."""
    (command,) = re.findall(r"^HEALTHCHECK(?:.*\\\n)* +CMD (.*)$", dockerfile, re.MULTILINE)
    program, *arguments = json.loads(command)
    return [str(programs / program), *arguments]


def ignored_by_docker(project: Project) -> list[Path]:
    """List what `.dockerignore` keeps out."""
    patterns = (project.path / ".dockerignore").read_text(encoding="utf-8").split()
    return [path for pattern in patterns for path in project.path.glob(pattern)]


def manifests(project: Project) -> dict[str, Any]:
    """Read what Kubernetes is told, by kind."""
    text = (project.path / "deploy/kubernetes/service.yaml").read_text(encoding="utf-8")
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def limits(project: Project) -> dict[str, float]:
    """Ask the service for its limits: how long a stop takes, and for how long all may be silent."""
    package = project.package.name
    script = (
        "import json\n"
        f"from {package}.config import Config\n"
        f"from {package}.server.run import uvicorn_config\n"
        "config = Config(_env_file=None)\n"
        "server = uvicorn_config('', config)\n"
        "stop = config.drain_seconds + server.timeout_graceful_shutdown\n"
        "silence = server.ws_ping_interval + server.ws_ping_timeout\n"
        "print(json.dumps({'stop': stop, 'silence': silence}))"
    )
    found: dict[str, float] = json.loads(project.run(str(project.python), "-c", script).stdout)
    return found


def seconds(text: str) -> int:
    """Read a number of seconds."""
    assert text.endswith("s")
    return int(text[:-1])


@ONCE
@pytest.mark.slow(10)
def test_a_secret_is_not_committed(project: Project) -> None:
    project.run("git", "init", "--quiet")
    key = "AKIA" + "2E0A8F3B244C9986"
    (project.path / "notes.txt").write_text(f"key: {key}\n", encoding="utf-8")
    # That all others pass is shown by `test_quality.py`.
    project.run("git", "add", "notes.txt", ".pre-commit-config.yaml")
    done = project.run("uv", "run", "pre-commit", "run", "detect-secrets", check=False)
    assert done.returncode != 0
    assert "notes.txt:1" in done.stdout
    assert done.stdout.count("Location:") == 1, done.stdout
