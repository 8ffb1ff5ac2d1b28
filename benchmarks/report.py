"""What was measured, as a table, as JSON and as plots."""

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from measure import Result
from rich.console import Console
from rich.table import Table

mpl.use("Agg")

# Server, work: the results of all rounds.
Results = dict[tuple[str, str], list[Result]]

# From here on the digit after the point tells nothing.
_WHOLE = 100
_COLUMNS = {
    "deliveries_per_second": "deliveries/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "cpu_us": "CPU μs",
    "load_cpu": "load's core",
    "lost": "lost",
    "connects_per_second": "connects/s",
    "connection_kib": "KiB a connection",
}


def middle(results: list[Result], name: str) -> tuple[float, float, float] | None:
    """The median, the least and the most of a value over all rounds; None if there is none."""
    values = [value for result in results if (value := result.get(name)) is not None]
    return (median(values), min(values), max(values)) if values else None


def print_tables(results: Results, console: Console) -> None:
    """Print a table for each work."""
    for work in dict.fromkeys(work for _, work in results):
        table = Table(title=work, title_justify="left")
        table.add_column("server")
        for title in _COLUMNS.values():
            table.add_column(title, justify="right")
        rows = [(server, found) for (server, name), found in results.items() if name == work]
        for server, found in sorted(rows, key=_speed, reverse=True):
            table.add_row(server, *(_cell(middle(found, name)) for name in _COLUMNS))
        console.print(table)


def _speed(row: tuple[str, list[Result]]) -> float:
    found = middle(row[1], "deliveries_per_second")
    return found[0] if found else 0


def _cell(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return ""
    value, least, most = found
    digits = 0 if value >= _WHOLE else 1
    spread = f" ±{(most - least) / 2 / value:.0%}" if value and most > least else ""
    return f"{value:,.{digits}f}{spread}"


def write_json(results: Results, file: Path) -> None:
    """Write all results of all rounds, and what machine it was."""
    measured = [
        {"server": server, "work": work, "rounds": rounds}
        for (server, work), rounds in results.items()
    ]
    machine = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    file.write_text(
        json.dumps({"machine": machine, "measured": measured}, indent=1) + "\n", encoding="utf-8"
    )


def read_json(file: Path) -> Results:
    """Read what `write_json` wrote."""
    measured: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))["measured"]
    return {(each["server"], each["work"]): each["rounds"] for each in measured}


def plot_comparison(results: Results, works: Iterable[str], file: Path) -> None:
    """Plot the deliveries a second of all servers, a panel for each of these works."""
    names = [name for name in works if any(work == name for _, work in results)]
    if not names:
        return
    figure, panels = plt.subplots(1, len(names), figsize=(4.6 * len(names), 5), squeeze=False)
    servers = list(dict.fromkeys(server for server, work in results if work in names))[::-1]
    for panel, name in zip(panels[0], names, strict=True):
        found = [
            middle(results.get((server, name), []), "deliveries_per_second") for server in servers
        ]
        values = [each[0] if each else 0 for each in found]
        spread = [
            [each[0] - each[1] if each else 0 for each in found],
            [each[2] - each[0] if each else 0 for each in found],
        ]
        colours = [
            "tab:orange" if server in {"fastapi", "channels"} else "tab:gray" for server in servers
        ]
        panel.barh(servers, values, xerr=spread, color=colours)
        panel.set_title(name, fontsize=10)
        panel.set_xscale("log")
        panel.set_xlabel("deliveries a second, logarithmic")
        if panel is not panels[0][0]:
            panel.set_yticklabels([])
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def plot_growth(results: Results, file: Path) -> None:
    """Plot what a message costs the server, or its delivery to one member, by what grows."""
    kinds = dict.fromkeys(work.partition(": ")[0] for _, work in results if ": " in work)
    if not kinds:
        return
    figure, panels = plt.subplots(1, len(kinds), figsize=(3.6 * len(kinds), 3.6), squeeze=False)
    for panel, kind in zip(panels[0], kinds, strict=True):
        unit, label = ("cpu_us", "delivery") if kind == "members" else ("message_us", "message")
        values = {int(work.partition(": ")[2]) for _, work in results if work.startswith(kind)}
        for server in dict.fromkeys(server for server, _ in results):
            points = [
                (int(work.partition(": ")[2]), found[0])
                for (name, work), rounds in results.items()
                if name == server and work.startswith(f"{kind}: ")
                if (found := middle(rounds, unit))
            ]
            panel.plot(*zip(*points, strict=True), marker="o", label=server) if points else None
        panel.set_xlabel(kind)
        panel.set_xscale("symlog", linthresh=10 if kind == "history" else 1)
        panel.set_xticks(sorted(values), [f"{value:,}" for value in sorted(values)], fontsize=7)
        panel.set_ylabel(f"CPU μs a {label}")
        panel.set_ylim(bottom=0)
    panels[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)
