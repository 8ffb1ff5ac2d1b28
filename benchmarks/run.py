# /// script
# requires-python = ">=3.11"
# dependencies = ["cookiecutter>=2.7", "matplotlib>=3.9", "rich>=13"]
# ///
"""Measures generated services of both flavours beside what people would use instead."""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from measure import fits, measure
from report import Results, plot_comparison, plot_growth, print_tables, write_json
from rich.console import Console
from rich.progress import Progress
from servers import Server, prepare
from works import Work, comparison, growth

_SHOWN = (
    "a room of 300, 1 in flight",
    "a room of 300, 16 in flight",
    "a room of 1000, 16 in flight",
)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--seconds", type=float, default=3, help="how long each time")
    parser.add_argument("--growth", action="store_true", help="how a message's cost grows instead")
    parser.add_argument("--server", action="append", default=[], help="only names that contain it")
    parser.add_argument("--work", action="append", default=[], help="only names that contain it")
    parser.add_argument("--list", action="store_true", help="list the work, and stop")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "rooms-benchmark"
    )
    parser.add_argument("--output", type=Path, default=Path.cwd() / "benchmark-results")
    return parser.parse_args()


def chosen(name: str, parts: list[str]) -> bool:
    """Whether a name was asked for."""
    return not parts or any(part in name for part in parts)


def measure_all(
    servers: list[Server], works: list[Work], options: argparse.Namespace, console: Console
) -> Results:
    """Give each work to each server in turn, round by round."""
    jobs = [(server, work) for work in works for server in servers if fits(server, work)]
    results: Results = {(server.name, work.name): [] for server, work in jobs}
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(jobs) * options.rounds)
        for _ in range(options.rounds):
            for server, work in jobs:
                progress.update(task, description=f"{work.name}: {server.name}")
                try:
                    result = measure(server, work, options.seconds, options.folder)
                    results[server.name, work.name].append(result)
                except (RuntimeError, OSError) as error:
                    console.print(f"{work.name}: {server.name}: {error}")
                progress.advance(task)
    return results


def main() -> None:
    """Prepare, measure, and tell."""
    options = arguments()
    console = Console(width=None if sys.stdout.isatty() else 160)
    all_works = growth() if options.growth else comparison()
    works = [work for work in all_works if chosen(work.name, options.work)]
    if options.list:
        console.print("\n".join(work.name for work in works))
        return
    for program in ("redis-server", "taskset"):
        if not shutil.which(program):
            sys.exit(f"there is no {program}: install it")
    if not shutil.which("npm"):
        console.print("There is no Node.js: its servers are left out.")
    servers = prepare(options.folder, lambda what: console.print(f"Installing {what} …"))
    servers = [server for server in servers if chosen(server.name, options.server)]
    results = measure_all(servers, works, options, console)
    print_tables(results, console)
    options.output.mkdir(parents=True, exist_ok=True)
    name = "growth" if options.growth else "comparison"
    write_json(results, options.output / f"{name}.json")
    if options.growth:
        plot_growth(results, options.output / f"{name}.png")
    else:
        plot_comparison(results, _SHOWN, options.output / f"{name}.png")
    console.print(f"Results and plots are in {options.output}.")


if __name__ == "__main__":
    main()
