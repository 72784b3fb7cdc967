"""Limits and corners of the remote-write decoder; round trips are properties."""

import pytest

from pipeline.collectors.metrics.write_request import (
    MAX_LABELS,
    STALE_NAN,
    WriteRequestInvalid,
    decode_labels,
    series_of,
)
from tests.support.prometheus_messages import write_request


def test_a_staleness_marker_is_told_from_other_nans() -> None:
    plain = write_request([({"__name__": "up"}, [(float("nan"), 5)])])
    nan = plain[plain.index(b"\x09") + 1 :][:8]
    stale = plain.replace(nan, STALE_NAN)

    assert [sample.is_stale for one in series_of(plain) for sample in one.samples] == [False]
    assert [sample.is_stale for one in series_of(stale) for sample in one.samples] == [True]


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a",
        b"\x0a\x05\x0a",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x00\x00",
        b"\x0b",
        b"\x0a\x03\x12\x01\x09",
        b"\x0a\x02\x12\xff",
    ],
)
def test_malformed_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(WriteRequestInvalid):
        list(series_of(body))


@pytest.mark.parametrize(
    "labels", [(b"",), (b"\x0a\x01a", b"\x0a\x01a"), (b"\x0a\x01\xff",), (b"\x12\x01a",)]
)
def test_labels_without_a_name_or_twice_or_not_utf8_are_refused(
    labels: tuple[bytes, ...],
) -> None:
    with pytest.raises(WriteRequestInvalid):
        decode_labels(labels)


def test_a_series_with_too_many_labels_is_refused() -> None:
    labels = {f"label{number}": "x" for number in range(MAX_LABELS + 1)}

    with pytest.raises(WriteRequestInvalid, match=str(MAX_LABELS)):
        list(series_of(write_request([(labels, [])])))


def test_fields_of_later_versions_are_skipped() -> None:
    known = write_request([({"a": "b"}, [(1.0, 2)])])
    unknown = b"\xa2\x06\x03abc" + b"\xa8\x06\x7f" + b"\xad\x06abcd" + b"\xa9\x06abcdefgh"
    inside = b"\x0a" + bytes([known[1] + len(unknown)]) + unknown + known[2:]

    assert list(series_of(unknown + inside)) == list(series_of(known))
