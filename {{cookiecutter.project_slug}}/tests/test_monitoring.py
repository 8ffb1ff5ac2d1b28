"""What is to be read of the metrics: the README's table, the dashboard and the alerts."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from {{cookiecutter.__package}}.rooms import metrics
from {{cookiecutter.__package}}.rooms.protocol.closes import Close

FAMILIES = list(text_string_to_metric_families(metrics.expose().decode()))
# As queries name them, with `_total` and the like.
NAMES = {sample.name for family in FAMILIES for sample in family.samples}
ROWS = {*Close.__members__, metrics.CLIENT_LEFT}
DASHBOARD = json.loads(Path("monitoring/dashboard.json").read_text(encoding="utf-8"))
ALERTS = Path("monitoring/alerts.yml").read_text(encoding="utf-8")
QUERIES = {
    "dashboard.json": [
        *(each["expr"] for panel in DASHBOARD["panels"] for each in panel["targets"]),
        *(each["query"] for each in DASHBOARD["templating"]["list"]),
    ],
    "alerts.yml": re.findall(r"expr: (?:>-\n)?(.+?)\n +(?:for|annotations):", ALERTS, re.DOTALL),
}


@pytest.mark.parametrize("file", QUERIES)
def test_queries_ask_only_for_what_there_is(file: str) -> None:
    asked = "\n".join(QUERIES[file])
    names = set(re.findall(r"\brooms_\w+", asked))
    assert names
    assert names <= NAMES
    assert set(re.findall(r'row!?="(\w*)"', asked)) <= ROWS
    assert set(re.findall(r"by \(([\w, ]+)\)", asked)) <= {"job", "job, le", "le", "row"}


def test_each_alert_has_a_query_and_words() -> None:
    count = ALERTS.count("- alert:")
    assert count
    assert len(QUERIES["alerts.yml"]) == ALERTS.count("summary:") == count


def test_the_dashboard_shows_every_metric() -> None:
    asked = "\n".join(QUERIES["dashboard.json"])
    assert not [family.name for family in FAMILIES if family.name not in asked]


def test_every_metric_is_documented_with_its_kind() -> None:
    readme = Path("README.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(rooms_\w+)` \| (\w+) ", readme, re.MULTILINE))
    suffixes = {"counter": "_total"}
    assert table == {one.name + suffixes.get(one.type, ""): one.type for one in FAMILIES}


def test_all_rows_are_there_from_the_start() -> None:
    (closes,) = [family for family in FAMILIES if family.name == "rooms_closes"]
    assert {sample.labels["row"] for sample in closes.samples} == ROWS
