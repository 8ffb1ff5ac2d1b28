"""What differs between the flavours, where the shared tests need it."""

from {{cookiecutter.__package}}.config import Config

CONFIG = Config
FURTHER_VARIABLES: set[str] = set()
