"""What tests need of this flavour: a manager, an application around it, and a database."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections, transaction
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker, Settings

from {{cookiecutter.__package}}.rooms.manager import ConnectionManager
from {{cookiecutter.__package}}.server.middleware import App
from {{cookiecutter.__package}}.web.application import (
    build_application,
    django_application,
)
from {{cookiecutter.__package}}.web.manager import build_manager
from {{cookiecutter.__package}}.web.sync import end_own_manager

pytest_plugins = ["tests.examples", "tests.redis_server", "tests.serving"]

# Of the models themselves, which migrations fill.
_KEPT_TABLES = {"auth_permission", "django_content_type"}


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Make the test database; SQLite's in a file, as in memory its threads never close it."""
    test = connections["default"].settings_dict["TEST"]
    if connections["default"].vendor == "sqlite":
        test["NAME"] = str(tmp_path_factory.mktemp("database") / "db.sqlite3")
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
        yield
        teardown_databases(made, verbosity=0)


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Open the database to a test and to the consumers' threads, and empty its tables in the end.

    pytest-django's `transactional_db` also makes all permissions anew, which takes most of a
    test's time.
    """
    with django_db_blocker.unblock():
        yield
        _empty_tables()
        # A signal may have started it, with the settings of this test.
        end_own_manager()


def _empty_tables() -> None:
    tables = set(connection.introspection.django_table_names()) - _KEPT_TABLES
    with transaction.atomic(), connection.cursor() as cursor:
        for table in map(connection.ops.quote_name, tables):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (a name that Django quoted)


@pytest.fixture
def build(database: None) -> Callable[..., ConnectionManager]:
    """Build managers whose rooms are in the test database."""
    return build_manager


@pytest.fixture(scope="session")
def django_is_ready() -> None:
    """Let Django set up its logging before that of a test is captured: it removes all handlers."""
    django_application()


@pytest.fixture
def build_app(settings: Settings, django_is_ready: None) -> Callable[[ConnectionManager], App]:
    """Build applications whose consumers and views get the manager that a test chose."""

    def build(manager: ConnectionManager) -> App:
        return build_application(manager)

    return build
