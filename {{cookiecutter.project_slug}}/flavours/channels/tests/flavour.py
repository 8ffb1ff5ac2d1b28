"""What differs between the flavours, where the shared tests need it."""

FURTHER_VARIABLES = {"django_settings_module"}
# What a script runs before it imports what needs models.
SET_UP = "import django; django.setup()"
