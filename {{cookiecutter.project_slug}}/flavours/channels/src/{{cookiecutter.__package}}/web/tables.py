"""The tables that a start needs."""

import sys
import time

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

_TRIES = 50


def prepare_tables() -> None:
    """Make the tables on SQLite; elsewhere end the process if they are not there."""
    try:
        _connect()
    except (DatabaseError, ImproperlyConfigured) as error:
        sys.exit(f"DATABASE_URL: {error}")
    if connection.vendor == "sqlite":
        # Another process that starts at the same moment waits, and finds them made.
        with connection.constraint_checks_disabled(), transaction.atomic():
            call_command("migrate", verbosity=0, interactive=False)
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        sys.exit("The database lacks tables: run `uv run python manage.py migrate` first")


def _connect() -> None:
    """Connect, also while another process makes the file of SQLite, which waits for nobody then."""
    tries = _TRIES
    while True:
        tries -= 1
        try:
            return connection.ensure_connection()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlite_errorname", None) != "SQLITE_BUSY" or not tries:
                raise
        time.sleep(0.1)
