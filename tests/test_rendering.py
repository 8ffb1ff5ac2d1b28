"""What is rendered: the files of each flavour, whatever the answers."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from .project import LICENSES, SHARED_TESTS, TEMPLATE, Project

OTHERS = {
    "fastapi": re.compile(r"django|channels|daphne|asgiref|manage\.py", re.IGNORECASE),
    "channels": re.compile(r"fastapi|starlette|pwdlib|testclient", re.IGNORECASE),
}
PICTURE = "docs/page.png"
# AsyncAPI calls a path of sockets a channel, and Redis what Pub/Sub sends on.
OTHER_CHANNELS = (
    "README.md",
    "contract/test_page.py",
    "contract/test_processes.py",
    "rooms/backends/redis/client.py",
    "rooms/config.py",
    "rooms/protocol/asyncapi.py",
    "static/protocol.js",
)
TREES = {
    name: (Path(__file__).parent / f"trees/{name}.txt").read_text(encoding="utf-8").splitlines()
    for name in OTHERS
}


def test_the_tree_is_as_listed(project: Project) -> None:
    assert project.files() == TREES[project.flavour]


def test_there_is_no_trace_of_the_other_flavour(project: Project) -> None:
    for name in project.files():
        assert not OTHERS[project.flavour].search(name)
        if name != PICTURE:
            text = (project.path / name).read_text(encoding="utf-8")
            found = set(OTHERS[project.flavour].findall(text))
            found -= {"channels"} if name.endswith(OTHER_CHANNELS) else set()
            assert not found, f"{name} speaks of {found}"


def test_no_template_language_is_left(project: Project) -> None:
    left = re.compile(r"\{\{ ?cookiecutter|\{%|%\}|cookiecutter\.")
    for name in project.files():
        if name != PICTURE:
            assert not left.search((project.path / name).read_text(encoding="utf-8")), name


def test_what_is_shared_is_the_same_to_the_byte(
    prepared: Callable[[str], Project],
) -> None:
    one, other = (prepared(flavour).path for flavour in OTHERS)
    for place in (
        "src/rooms_service/rooms",
        "src/rooms_service/server",
        "src/rooms_service/static",
        *SHARED_TESTS,
    ):
        assert contents(one / place) == contents(other / place) != {}
    # A flavour may have further tests of its own there.
    assert contents(one / "tests/contract").items() <= contents(other / "tests/contract").items()


def contents(place: Path) -> dict[str, bytes]:
    """Read a file, or all files below a folder, but for bytecode."""
    paths = [place] if place.is_file() else place.rglob("*")
    files = (path for path in paths if path.is_file())
    return {
        str(path.relative_to(place)): path.read_bytes() for path in files if path.suffix != ".pyc"
    }


def test_no_python_file_has_template_control_flow() -> None:
    for path in (TEMPLATE / "{{cookiecutter.project_slug}}").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "{%" not in text
        assert set(re.findall(r"\{\{.*?\}\}", text)) <= {"{{cookiecutter.__package}}"}


@pytest.mark.parametrize("license_name", LICENSES)
def test_each_licence_is_whole(license_name: str, tmp_path: Path) -> None:
    project = Project.render(tmp_path, "fastapi", license=license_name, author_name="The Testers")
    text = (project.path / "LICENSE").read_text(encoding="utf-8")
    assert "The Testers" in text
    opening = {
        "MIT": "MIT License",
        "Apache-2.0": "Copyright",
        "BSD-3-Clause": "BSD 3-Clause License",
        "Proprietary": "Copyright",
    }
    assert text.startswith(opening[license_name])
    assert ("Apache License" in text) == (license_name == "Apache-2.0")
    metadata = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    expected = "LicenseRef-Proprietary" if license_name == "Proprietary" else license_name
    assert metadata["license"] == expected


def test_configuration_is_well_formed(project: Project) -> None:
    for name in (".pre-commit-config.yaml", ".github/workflows/test.yml", "compose.yaml"):
        assert yaml.safe_load((project.path / name).read_text(encoding="utf-8"))
    assert "${{ matrix.python }}" in (project.path / ".github/workflows/test.yml").read_text(
        encoding="utf-8"
    )


def test_a_repository_is_made_only_where_there_is_none(tmp_path: Path) -> None:
    outer = Project.render(tmp_path, "fastapi", project_slug="outer")
    assert (outer.path / ".git").is_dir()
    inner = Project.render(outer.path, "fastapi", project_slug="inner")
    assert not (inner.path / ".git").exists()
