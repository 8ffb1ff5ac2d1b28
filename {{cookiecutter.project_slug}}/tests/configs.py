"""Settings for tests: as given, whatever the environment says."""

import os
from typing import Any
from unittest import mock

from {{cookiecutter.__package}}.config import Config

from .flavour import FURTHER_VARIABLES

API_KEY = "a key for tests"
SECRET_KEY = "a secret key for tests, of more than 32 bytes"


def make_config(**settings: Any) -> Config:
    """Build settings from their defaults, the keys above, and `settings`."""
    given = {"api_key": API_KEY, "secret_key": SECRET_KEY, **settings}
    with mock.patch.dict(os.environ, clean_environment(), clear=True):
        return Config(_env_file=None, **given)


def clean_environment() -> dict[str, str]:
    """Copy the environment without any setting of the service."""
    names = {*Config.model_fields, *FURTHER_VARIABLES}
    return {key: value for key, value in os.environ.items() if key.lower() not in names}
