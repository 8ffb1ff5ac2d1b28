"""The settings that only a Django project has."""

from typing import Annotated, Self

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import load_backend
from pydantic import Field, model_validator

from ..rooms.config import Accepts, ServiceConfig

SQLITE = "sqlite:///db.sqlite3"
_DATABASE = "a URL like postgres://user:password@host:5432/name"


class DjangoConfig(ServiceConfig):
    """The service's settings, and Django's."""

    database_url: Annotated[str, Accepts(_DATABASE)] = Field(
        SQLITE, description="where Django keeps its tables", repr=False
    )

    @model_validator(mode="after")
    def _database(self) -> Self:
        try:
            load_backend(dj_database_url.parse(self.database_url)["ENGINE"])
        except ValueError:
            raise ValueError(f"DATABASE_URL: got no database URL; it takes {_DATABASE}") from None
        except ImproperlyConfigured as error:
            raise ValueError(f"DATABASE_URL: {error}; it takes {_DATABASE}, and a driver") from None
        return self
