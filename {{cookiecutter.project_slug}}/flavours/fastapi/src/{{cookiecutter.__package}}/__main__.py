"""The one command that starts the service."""

import argparse

from .config import Config
from .rooms.config import load_config
from .server.run import run
from .web import about


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(about.TITLE, description=about.printable_summary())
    parser.add_argument("--reload", action="store_true", help="restart when a source file changes")
    reload: bool = parser.parse_args().reload
    # By its name: a process that only watches others has no need of the application.
    run(f"{about.PACKAGE}.web.app:create_app", load_config(Config), reload=reload, factory=True)


if __name__ == "__main__":
    main()
