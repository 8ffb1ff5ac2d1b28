"""What differs between the flavours, where the shared tests need it."""

FURTHER_VARIABLES = {"django_settings_module"}
# What a script runs before it imports what needs models.
SET_UP = "import django; django.setup()"
# What takes long to import, and looks at no setting while it is.
PRELOADED = (
    "channels.generic.websocket",
    "channels.routing",
    "django.contrib.admin",
    "django.core.handlers.asgi",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "uvloop",
    "whitenoise.middleware",
    "{{cookiecutter.__package}}.rooms.manager",
    "{{cookiecutter.__package}}.server.run",
)
