"""Where a server finds the application."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{__package__}.settings")
django.setup()

# Only now, as models are imported with them.
from .application import build_application  # noqa: E402 (Django is set up first)
from .manager import get_manager  # noqa: E402 (Django is set up first)

application = build_application(get_manager())
