"""What differs between the flavours, where the shared tests need it."""

from {{cookiecutter.__package}}.channels_config import ChannelsConfig

CONFIG = ChannelsConfig
FURTHER_VARIABLES = {"django_settings_module"}
