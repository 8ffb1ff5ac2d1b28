"""Settings for tests: as given, whatever the environment says."""

import os
from typing import Any, TypeVar
from unittest import mock

from {{cookiecutter.__package}}.config import Config

API_KEY = "a key for tests"
SECRET_KEY = "a secret key for tests, of more than 32 bytes"

ConfigT = TypeVar("ConfigT", bound=Config)


def make_config(kind: type[ConfigT], **settings: Any) -> ConfigT:
    """Build settings from their defaults, the keys above, and `settings`."""
    given = {"port": 0, "api_key": API_KEY, "secret_key": SECRET_KEY, **settings}
    with mock.patch.dict(os.environ, clean_environment(kind), clear=True):
        return kind(_env_file=None, **given)


def clean_environment(kind: type[Config]) -> dict[str, str]:
    """Copy the environment without any setting of the service."""
    return {key: value for key, value in os.environ.items() if key.lower() not in kind.model_fields}
