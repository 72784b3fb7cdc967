"""From labels and a value to an event of kind metric; one sample, one event. Pure.

What a series is called is worked out once (``identify``), because its labels come again with
every sample.
"""

import math
from collections.abc import Mapping

import msgspec

from pipeline.schema.event import Value
from pipeline.schema.fields import METRIC_LABEL_PREFIX

NAME_LABEL = "__name__"
MAX_SOURCE_CHARACTERS = 200


class SeriesIdentity(msgspec.Struct, frozen=True):
    """A series as events name it.

    Attributes:
        source: Collector, job and instance.
        fields: ``metric.name`` and ``metric.label.<name>``.
    """

    source: str
    fields: Mapping[str, Value]


def identify(labels: Mapping[str, str], *, collector: str, sender: str) -> SeriesIdentity:
    """The series with these labels, ``__name__`` among them.

    Args:
        labels: Names and values; empty values are absent, as in Prometheus.
        collector: The source's first half: ``remote-write`` or ``scrape``.
        sender: Its second half where the labels name no job.
    """
    fields: dict[str, Value] = {"metric.name": labels.get(NAME_LABEL, "")}
    for name, value in labels.items():
        if value and name != NAME_LABEL:
            fields[METRIC_LABEL_PREFIX + name] = value
    job, instance = labels.get("job", ""), labels.get("instance", "")
    who = f"{job}/{instance}" if job and instance else job or instance or sender
    return SeriesIdentity(f"{collector}:{who}"[:MAX_SOURCE_CHARACTERS], fields)


def sample_fields(series: SeriesIdentity, value: float, *, is_stale: bool) -> dict[str, Value]:
    """The fields of one sample.

    >>> series = SeriesIdentity("scrape:web", {"metric.name": "up"})
    >>> sample_fields(series, 1.0, is_stale=False)
    {'metric.name': 'up', 'metric.value': 1.0}
    """
    fields = {**series.fields, "metric.value": value if math.isfinite(value) else text(value)}
    if is_stale:
        fields["metric.stale"] = True
    return fields


def text(value: float) -> str:
    """NaN and infinities as Prometheus writes them; JSON has no numbers for them."""
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
