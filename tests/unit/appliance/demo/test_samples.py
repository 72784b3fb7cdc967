"""Samples as a remote-write request that the collector reads back."""

from datetime import UTC, datetime

from appliance.demo.samples import sample
from pipeline.collectors.metrics.write_request import decode_labels, series_of

TIME = datetime(2026, 3, 1, 11, 59, 1, 250_000, tzinfo=UTC)


def test_joined_fields_are_a_request() -> None:
    fields = [
        sample(TIME, "m", "node_load1", value, {"job": "node", "instance": "m:9100"}).payload
        for value in (0.5, 1e9)
    ]

    series = list(series_of(b"".join(fields)))

    assert [list(decode_labels(one.labels).items()) for one in series] == [
        [("__name__", "node_load1"), ("instance", "m:9100"), ("job", "node")]
    ] * 2
    assert [one.samples[0].value for one in series] == [0.5, 1e9]
    assert [one.samples[0].timestamp_ms for one in series] == [1772366341250] * 2
