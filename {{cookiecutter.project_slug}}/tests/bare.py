"""Starts the service as `uv run` does, but with no handler of yours: `python -m tests.bare`.

So a rule of yours turns none of the engine's tests red. Worker processes import this too.
"""

from {{cookiecutter.__package}} import service
from {{cookiecutter.__package}}.__main__ import main
from {{cookiecutter.__package}}.config import Config
from {{cookiecutter.__package}}.rooms import Service


def make_bare(config: Config) -> Service:
    """Make a service of what comes with the engine."""
    return Service()


service.make_service = make_bare

if __name__ == "__main__":
    main()
