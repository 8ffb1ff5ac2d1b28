"""Django's settings: those of the service, and what you add or change."""

from .web import settings as service
from .web.settings import *  # noqa: F403 (settings are all names)

INSTALLED_APPS = [*service.INSTALLED_APPS, __package__]
