"""Settings for tests: as given, whatever the environment says."""

import os
from typing import Any
from unittest import mock

from {{cookiecutter.__package}}.config import Config

from .flavour import FURTHER_VARIABLES

API_KEY = "a-key-for-tests"
SECRET_KEY = "a secret key for tests, of more than 32 bytes"

_made: dict[str, Config] = {}


def make_config(**settings: Any) -> Config:
    """Build settings from their defaults, the keys above, and `settings`.

    Each are built once, which takes as long as many a test, and can't be changed.
    """
    given = {"api_key": API_KEY, "secret_key": SECRET_KEY, **settings}
    name = repr(given)
    if name not in _made:
        with mock.patch.dict(os.environ, clean_environment(), clear=True):
            _made[name] = Config(_env_file=None, **given)
    return _made[name]


def clean_environment() -> dict[str, str]:
    """Copy the environment without any setting of the service."""
    names = {*Config.model_fields, *FURTHER_VARIABLES}
    return {key: value for key, value in os.environ.items() if key.lower() not in names}
