#!/usr/bin/env python
"""Django's command line: `uv run python manage.py help`."""

import os
import sys

from django.core.management import execute_from_command_line

SETTINGS = "{{cookiecutter.__package}}.settings"

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    execute_from_command_line(sys.argv)
