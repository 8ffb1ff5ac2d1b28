"""How the service is started."""

import os
import socket

import pytest
import uvicorn

from {{cookiecutter.__package}}.server import windows
from {{cookiecutter.__package}}.server.run import untested_version, uvicorn_config

from .configs import make_config


def test_the_installed_uvicorn_is_one_that_the_requirements_allow() -> None:
    assert list(untested_version()) == []


@pytest.mark.parametrize("version", ["99.1.0", "1.0.0.dev1"])
def test_an_untested_uvicorn_is_warned_of_with_both_versions(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(uvicorn, "__version__", version)
    (warning,) = untested_version()
    assert warning.startswith(f"uvicorn {version} is installed; this service is tested below 0.")


def test_a_worker_has_time_to_start_on_a_slow_machine() -> None:
    """uvicorn ends one that does not answer yet, and starts another, over and over."""
    assert uvicorn_config("app", make_config()).timeout_worker_healthcheck >= 30


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_taken_port_stops_a_start_that_windows_would_let_pass(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        config = make_config(host=host, port=taken.getsockname()[1])
        with pytest.raises(SystemExit, match=f"Cannot listen at {host}"):
            windows.check_port(config)
    windows.check_port(config)


@pytest.mark.parametrize(("asked", "allowed"), [(10_000, "480"), (480, None)])
def test_connections_are_capped_where_windows_can_watch_no_more(
    monkeypatch: pytest.MonkeyPatch, asked: int, allowed: str | None
) -> None:
    # Set first, so that it is gone again after the test.
    monkeypatch.setenv("MAX_CONNECTIONS", "")
    monkeypatch.delenv("MAX_CONNECTIONS")
    warnings = list(windows.cap_connections(make_config(max_connections=asked)))
    assert os.environ.get("MAX_CONNECTIONS") == allowed
    assert len(warnings) == (allowed is not None)
