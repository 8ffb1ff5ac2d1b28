"""The settings that only a Django project has."""

from typing import Annotated, Self

import dj_database_url
from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import NoDecode

from ..rooms.config import Accepts, ServiceConfig, listed

SQLITE = "sqlite:///db.sqlite3"
_DATABASE = "a URL like postgres://user:password@host:5432/name"
_HOST = r"^(\*|\.?[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])$"


class DjangoConfig(ServiceConfig):
    """The service's settings, and Django's."""

    database_url: Annotated[str, Accepts(_DATABASE)] = Field(
        SQLITE, description="where Django keeps its tables", repr=False
    )
    allowed_hosts: Annotated[
        tuple[Annotated[str, Field(pattern=_HOST)], ...],
        NoDecode,
        BeforeValidator(listed),
        Accepts("host names, comma-separated, or *"),
    ] = Field(("*",), description="the `Host` headers that Django answers to")

    @model_validator(mode="after")
    def _database(self) -> Self:
        try:
            dj_database_url.parse(self.database_url)
        except ValueError:
            raise ValueError(f"DATABASE_URL: got no database URL; it takes {_DATABASE}") from None
        return self
