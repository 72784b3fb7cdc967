"""Our remote-write decoder against the protobuf library, and against hostile bytes."""

import math
from contextlib import suppress

from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collectors.metrics.write_request import (
    WriteRequestInvalid,
    decode_labels,
    series_of,
)
from tests.support.prometheus_messages import WriteRequest, write_request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LABELS = st.dictionaries(TEXT.filter(bool), TEXT, max_size=5)
SAMPLES = st.lists(st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1)), max_size=4)
SERIES = st.lists(st.tuples(LABELS, SAMPLES), max_size=5)


def same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


@given(series=SERIES, exemplars=st.integers(0, 2), histograms=st.integers(0, 2))
def test_reads_what_the_protobuf_library_writes(
    series: list[tuple[dict[str, str], list[tuple[float, int]]]], exemplars: int, histograms: int
) -> None:
    body = write_request(series, exemplars=exemplars, histograms=histograms, metadata=2)

    decoded = list(series_of(body))

    assert [decode_labels(one.labels) for one in decoded] == [labels for labels, _ in series]
    for one, (_, samples) in zip(decoded, series, strict=True):
        assert (one.exemplars, one.histograms) == (exemplars, histograms)
        assert [sample.timestamp_ms for sample in one.samples] == [time for _, time in samples]
        values = zip(one.samples, samples, strict=True)
        assert all(same(sample.value, value) for sample, (value, _) in values)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(WriteRequestInvalid):
        for series in series_of(body):
            decode_labels(series.labels)


@given(series=SERIES, cut=st.integers(0, 400), flip=st.integers(0, 400))
def test_what_the_library_refuses_is_refused(
    series: list[tuple[dict[str, str], list[tuple[float, int]]]], cut: int, flip: int
) -> None:
    body = bytearray(write_request(series)[: cut or None])
    if body:
        body[flip % len(body)] ^= 1 << flip % 8
    try:
        WriteRequest().ParseFromString(bytes(body))
    except DecodeError:
        refused = False
        try:
            for one in series_of(bytes(body)):
                decode_labels(one.labels)
        except WriteRequestInvalid:
            refused = True
        assert refused
