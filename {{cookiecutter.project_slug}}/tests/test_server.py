"""How the service is started."""

import pytest
import uvicorn

from {{cookiecutter.__package}}.server.run import untested_version


def test_the_installed_uvicorn_is_one_that_the_requirements_allow() -> None:
    assert list(untested_version()) == []


@pytest.mark.parametrize("version", ["99.1.0", "1.0.0.dev1"])
def test_an_untested_uvicorn_is_warned_of_with_both_versions(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr(uvicorn, "__version__", version)
    (warning,) = untested_version()
    assert warning.startswith(f"uvicorn {version} is installed; this service is tested below 0.")
