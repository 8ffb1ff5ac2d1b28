"""Your Django app, with your models, admin and signals."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """Your app; connect the receivers of signals in `ready`."""

    name = __name__.rpartition(".")[0]
