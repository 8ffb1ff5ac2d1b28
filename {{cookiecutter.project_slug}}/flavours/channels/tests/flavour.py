"""What differs between the flavours, where the shared tests need it."""

FURTHER_VARIABLES = {"django_settings_module"}
