"""Starts the service as `uv run` does, but with no handler of yours: `python -m tests.bare`.

So a rule of yours turns none of the engine's tests red. Worker processes import this too.
"""

import sys
from types import ModuleType

from {{cookiecutter.__package}}.__main__ import main
from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms import Service


class Bare(ModuleType):
    """Stands for your module `service`, which is not imported, nor what that imports."""

    def make_service(self, config: Config) -> Service:
        """Make a service of what comes with the engine."""
        return Service()


_NAME = "{{cookiecutter.__package}}.service"
sys.modules[_NAME] = Bare(_NAME)

if __name__ == "__main__":
    main()
