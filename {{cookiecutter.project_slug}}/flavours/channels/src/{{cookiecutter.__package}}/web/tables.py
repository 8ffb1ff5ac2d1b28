"""The tables that a start needs."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor


def prepare_tables() -> None:
    """Make the tables on SQLite; elsewhere end the process if they are not there."""
    try:
        connection.ensure_connection()
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
