"""How a line of the log looks."""

import json
import logging
import logging.config

import pytest

from {{cookiecutter.__package}} import logs

from .configs import make_config


def record(message: str, *args: object, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(facts)
    return made


def test_a_line_for_machines_is_one_object() -> None:
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError as error:
        failed = record("It %s\nhere", "failed", room="lobby", user="ünal", seconds=1.5)
        failed.exc_info = (RuntimeError, error, error.__traceback__)
    line = logs.Json().format(failed)
    assert "\n" not in line
    read = json.loads(line)
    assert read["time"].endswith("Z")
    assert (read["level"], read["logger"]) == ("INFO", "a.logger")
    assert read["message"] == "It failed\nhere"
    assert (read["room"], read["user"], read["seconds"]) == ("lobby", "ünal", 1.5)
    assert "Traceback" in read["traceback"]


def test_only_known_facts_are_printed() -> None:
    for formatter in (logs.Json(), logs.Readable("%(message)s")):
        assert "sesame" not in formatter.format(record("hello", request="sesame"))


def test_a_line_for_people_has_the_facts_behind_and_no_break_of_theirs() -> None:
    line = logs.Readable("%(levelprefix)s %(message)s").format(record("Closed", room="a\nb"))
    assert line.endswith("Closed room='a\\nb'")


@pytest.mark.parametrize("debug", [True, False])
def test_uvicorns_lines_and_ours_and_others_look_the_same(
    *, debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("uvicorn.error", "uvicorn.access", logs.__name__, None)
    before = [(logging.getLogger(name), vars(logging.getLogger(name)).copy()) for name in names]
    before += [(each, vars(each).copy()) for each in map(logging.getLogger, ("uvicorn",))]
    logging.config.dictConfig(logs.log_config(make_config(debug=debug)))
    try:
        logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://127.0.0.1:1")
        path = "/rooms?token=sesame"
        access = ("127.0.0.1:2", "GET", path, "1.1", 200)
        logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *access)
        logging.getLogger(logs.__name__).info("ours")
        logging.getLogger("other").warning("of others")
    finally:
        for logger, state in before:
            vars(logger).update(state)
    printed = "".join(capsys.readouterr())
    assert "sesame" not in printed
    lines = printed.splitlines()
    assert len(lines) == 4
    for said in ("Uvicorn running on http://127.0.0.1:1", "GET /rooms HTTP/1.1", "ours", "of others"):
        (line,) = [line for line in lines if said in line]
        assert debug or said in json.loads(line)["message"]
