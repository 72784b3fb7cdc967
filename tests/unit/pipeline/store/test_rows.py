"""What of rows is not already in the contract suite: odd values, and what is told apart."""

from math import isnan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.event import Value
from pipeline.store import rows
from pipeline.store.rows import _number, fingerprint, samples_rows, series_of
from tests.support.stored_values import click, sample

labels = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4)


@given(metric=st.text(max_size=8), found=labels)
def test_the_order_of_labels_is_no_part_of_a_series(metric: str, found: dict[str, str]) -> None:
    other_way = dict(reversed(found.items()))

    assert fingerprint(metric, found) == fingerprint(metric, other_way)


def test_series_that_look_alike_are_told_apart() -> None:
    marks = {
        fingerprint("up", {}),
        fingerprint("up", {"a": "b"}),
        fingerprint("up", {"a": "bc"}),
        fingerprint("up", {"ab": "c"}),
        fingerprint("up", {"a": "b", "c": ""}),
        fingerprint("up\0a", {"b": ""}),
    }

    assert len(marks) == 6


def test_labels_are_found_by_their_prefix() -> None:
    event, _ = sample(1, "up", 1.0, job="node", instance="a:9100")

    assert series_of(event) == ("up", {"job": "node", "instance": "a:9100"})


def test_a_series_that_is_known_is_not_written_again() -> None:
    batch = [sample(1, "up", 1.0, job="a"), sample(2, "up", 0.0, job="a"), sample(3, "up", 1.0)]
    mark = fingerprint("up", {"job": "a"})

    samples, fresh = samples_rows(batch)
    _, rest = samples_rows(batch, known={mark})

    assert (samples.count, fresh.count, rest.count) == (3, 2, 1)


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), ("0.5", 0.5), ("+Inf", float("inf")), (True, 1.0)]
)
def test_a_sample_is_a_number_however_it_is_written(value: Value, number: float) -> None:
    assert _number(value) == number


@pytest.mark.parametrize("value", ["", "NaN", "x", [1.0]])
def test_a_sample_that_is_none_is_nan(value: Value) -> None:
    assert isnan(_number(value))


def test_a_list_in_a_click_is_kept_as_json() -> None:
    event, at = click(1, "ann", "/")
    odd = msgspec.structs.replace(event, fields={**event.fields, "tags": ["a", 1], "n": 5})

    body = rows.clicks_rows([(odd, at)]).body

    assert b'["a",1]' in body
    assert b"campaign" in body


def test_no_events_are_no_rows() -> None:
    assert rows.events_rows([]).count == 0
    assert rows.clicks_rows([]).count == 0
    assert rows.alerts_rows([]).count == 0
    assert [found.count for found in samples_rows([])] == [0, 0]
