"""The one command that starts the service."""

import argparse

from . import about
from .app import create_app
from .config import Config, load_config
from .server import run


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog=about.TITLE, description=about.SUMMARY)
    parser.add_argument("--reload", action="store_true", help="restart when a source file changes")
    reload: bool = parser.parse_args().reload
    app = f"{create_app.__module__}:{create_app.__name__}"
    run(app, load_config(Config), reload=reload, factory=True)


if __name__ == "__main__":
    main()
