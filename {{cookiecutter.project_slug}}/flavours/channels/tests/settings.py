"""Django's settings for tests: the defaults, whatever the environment and `.env` say."""

import os
from unittest import mock

from {{cookiecutter.__package}}.config import Config

from .configs import clean_environment

with (
    mock.patch.dict(os.environ, clean_environment(), clear=True),
    mock.patch.dict(Config.model_config, env_file=None),
):
    from {{cookiecutter.__package}}.settings import *  # noqa: F403 (settings are all names)

# pytest shows what is logged, each test's own.
LOGGING = {**LOGGING, "handlers": {"console": {"class": "logging.NullHandler"}}}  # noqa: F405 (as above)

# A good hash takes long, which is not what is tested.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
