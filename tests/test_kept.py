"""A project that was made some time ago takes over what is new, and keeps what is its owner's."""

import asyncio
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from .chaos import SERVICE_RESTART, Crowd
from .moving import Moving, commit, create, git, update
from .project import CONTEXT, ONCE, TEMPLATE, Project
from .recipes import make_all
from .redis_server import RedisServer
from .truth import Stage, settle

SOURCE = "{{cookiecutter.project_slug}}/src/{{cookiecutter.__package}}"
OVERLAY = "{{cookiecutter.project_slug}}/flavours/%s/src/{{cookiecutter.__package}}"
# Below the docstring of a module.
NEWS_OF_CODE = ('"""\n\n', '"""\n\n# News.\n\n')
# What the next version of the template has: in a file, the first such text becomes another.
NEWS = [
    ("cookiecutter.json", f'"{CONTEXT["_version"]}"', '"99.1.0"'),
    ("{{cookiecutter.project_slug}}/README.md", "## Keep\n", "## Keep it well\n"),
    ("{{cookiecutter.project_slug}}/.gitignore", "dist/\n", "dist/\nnews/\n"),
    (f"{SOURCE}/rooms/connections/rate.py", *NEWS_OF_CODE),
    (f"{SOURCE}/rooms/manager.py", *NEWS_OF_CODE),
    (f"{SOURCE}/rooms/config.py", *NEWS_OF_CODE),
    (f"{OVERLAY}/web/api.py", *NEWS_OF_CODE),
    (f"{OVERLAY}/web/pages.py", *NEWS_OF_CODE),
    (f"{OVERLAY}/__main__.py", *NEWS_OF_CODE),
]
NEW_FILE = "docs/news.md"
GONE = "docs/page.png"


def move_on(template: Path, flavour: str) -> None:
    """Make and commit the next version of the template."""
    for name, old, new in NEWS:
        path = template / name.replace("%s", flavour)
        text = path.read_text(encoding="utf-8")
        assert old in text, name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    folder = template / "{{cookiecutter.project_slug}}"
    (folder / NEW_FILE).write_text("# News of {{ cookiecutter.project_name }}\n", encoding="utf-8")
    (folder / GONE).unlink()
    commit(template, "News")


@pytest.mark.slow(30)
def test_what_the_owner_changed_is_kept_and_what_is_new_arrives(
    flavour: str, prepared: Callable[[str], Project], tmp_path: Path
) -> None:
    template = Moving(tmp_path / "template").path
    project = create(template, tmp_path / "out", flavour).borrowing(prepared(flavour))
    recipes = make_all(project)
    (project.path / "src/rooms_service/mine.py").write_text(
        '"""The owner\'s."""\n', encoding="utf-8"
    )
    owned = {edit.file: project.path / edit.file for recipe in recipes for edit in recipe.edits}
    before = {name: path.read_text(encoding="utf-8") for name, path in owned.items()}
    commit(project.path, "The owner's changes")
    move_on(template, flavour)
    update(project)

    sources = [path.read_text(encoding="utf-8") for path in sorted(project.package.rglob("*.py"))]
    assert len([text for text in sources if "\n# News.\n" in text]) == 6
    assert "## Keep it well\n" in (project.path / "README.md").read_text(encoding="utf-8")
    assert "news/\n" in (project.path / ".gitignore").read_text(encoding="utf-8")
    assert (project.path / NEW_FILE).read_text(encoding="utf-8") == "# News of Rooms Service\n"
    assert not (project.path / GONE).exists()
    assert recorded(project) == "99.1.0"
    kept = json.loads((project.path / ".cruft.json").read_text(encoding="utf-8"))
    assert kept["commit"] == git(template, "rev-parse", "HEAD").strip()

    assert (project.package / "mine.py").exists()
    after = {name: path.read_text(encoding="utf-8") for name, path in owned.items()}
    assert after == before
    project.check()
    project.run("uv", "run", "pytest", "tests/test_written.py", "tests/test_config.py")


@pytest.mark.slow(10)
def test_what_was_generated_before_becomes_what_is_generated_now(
    flavour: str, tmp_path: Path
) -> None:
    moving = Moving(tmp_path / "template")
    project = create(moving.path, tmp_path / "before", flavour, moving.earlier())
    update(project)
    now = create(moving.path, tmp_path / "now", flavour)
    assert project.files() == now.files()
    for name in now.files():
        if name != ".cruft.json":
            assert (project.path / name).read_bytes() == (now.path / name).read_bytes(), name


@ONCE
@pytest.mark.slow(30)
def test_nobody_misses_a_message_while_a_release_takes_over_from_another(
    project: Project, prepared: Callable[[str], Project], redis: RedisServer, tmp_path: Path
) -> None:
    """Both share one Redis, until the last process of the earlier one has stopped."""
    moving = Moving(tmp_path / "template")
    earlier = create(moving.path, tmp_path / "earlier", project.flavour, moving.neighbour())
    earlier = earlier.borrowing(prepared(project.flavour))
    stage = Stage(project, redis)
    old, new = Stage(earlier, redis).fleet(), stage.fleet()
    crowd = Crowd.of_many(lambda: old.addresses() + new.addresses())

    async def play() -> None:
        await redis.start()
        async with old.running(), new.running(), crowd.talking():
            await crowd.hear_more()
            for process in old.processes:
                await process.stop()
                await crowd.hear_more()
            await settle(crowd, stage, {SERVICE_RESTART})

    asyncio.run(play())
    assert crowd.closes[SERVICE_RESTART]


def recorded(project: Project) -> str:
    """Read which version of the template a project has."""
    tools = tomllib.loads((project.path / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    version: str = tools["cookiecutter-websocket"]["version"]
    return version


def test_a_project_records_the_version_of_the_template(project: Project) -> None:
    assert recorded(project) == CONTEXT["_version"]


def test_the_version_is_one(tmp_path: Path) -> None:
    metadata = tomllib.loads((TEMPLATE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["version"] == CONTEXT["_version"]
    newest = re.search(r"^## (\S+), (unreleased|\d{4}-\d\d-\d\d)$", changelog(), re.MULTILINE)
    assert newest
    assert newest[1] == CONTEXT["_version"]


def changelog() -> str:
    """Read the template's."""
    return (TEMPLATE / "CHANGELOG.md").read_text(encoding="utf-8")
