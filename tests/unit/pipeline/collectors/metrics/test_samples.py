"""How a series is named, and what its values look like."""

import math

import pytest

from pipeline.collectors.metrics.samples import identify, sample_fields


@pytest.mark.parametrize(
    ("labels", "source"),
    [
        ({"job": "node", "instance": "web:9100"}, "scrape:node/web:9100"),
        ({"job": "node"}, "scrape:node"),
        ({"instance": "web:9100"}, "scrape:web:9100"),
        ({"job": ""}, "scrape:somebody"),
        ({}, "scrape:somebody"),
        ({"job": "x" * 500}, "scrape:" + "x" * 193),
    ],
)
def test_the_source_is_job_and_instance_or_the_sender(labels: dict[str, str], source: str) -> None:
    assert identify(labels, collector="scrape", sender="somebody").source == source


def test_empty_labels_are_absent() -> None:
    series = identify({"__name__": "up", "zone": "", "env": "prod"}, collector="c", sender="s")

    assert series.fields == {"metric.name": "up", "metric.label.env": "prod"}


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf")]
)
def test_what_json_has_no_number_for_is_text(value: float, text: str) -> None:
    series = identify({"__name__": "up"}, collector="c", sender="s")

    assert sample_fields(series, value, is_stale=False)["metric.value"] == text


def test_the_end_of_a_series_is_marked() -> None:
    series = identify({"__name__": "up"}, collector="c", sender="s")

    assert sample_fields(series, math.nan, is_stale=True)["metric.stale"] is True
    assert "metric.stale" not in series.fields
