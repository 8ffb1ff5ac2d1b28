"""How a line of the log looks."""

import json
import logging

from {{cookiecutter.__package}}.server import logs


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


def test_a_record_with_named_arguments_passes() -> None:
    named = record("%(what)s happened", {"what": "it"})
    assert logs.ClientFaults().filter(named)
    assert named.getMessage() == "it happened"
