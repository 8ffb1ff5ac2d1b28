"""The numbers that the service tells."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from {{cookiecutter.__package}}.rooms import metrics


def read(text: str) -> Counter[str]:
    """Read all samples but buckets, by their names; a row or a kind counts as a name."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    bounded = {"row", "kind", "le"}
    assert all(sample.labels.keys() <= bounded for sample in samples), "labels without bound"
    return Counter(
        {
            one.labels.get("row") or one.labels.get("kind") or one.name: one.value
            for one in samples
            if "le" not in one.labels
        }
    )


def told() -> Counter[str]:
    """Read what this process tells."""
    return read(metrics.expose().decode())


def since(before: Counter[str]) -> Counter[str]:
    """Tell what was counted since."""
    now = told()
    now.subtract(before)
    return now
