"""Commands for whoever works on this service: `uv run python -m scripts.…`."""

import os

import django
from django.apps import apps

# Your handlers may import models, for which Django has to be set up.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{{cookiecutter.__package}}.settings")
if not apps.ready:
    django.setup()
