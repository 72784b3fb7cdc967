"""Prometheus' remote-write messages by the protobuf library: the judge of our decoder.

The descriptor is built from the field numbers and types that the specification names.
"""

from collections.abc import Mapping, Sequence

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_F = descriptor_pb2.FieldDescriptorProto
_FIELDS = {
    "Label": (("name", 1, _F.TYPE_STRING, ""), ("value", 2, _F.TYPE_STRING, "")),
    "Sample": (("value", 1, _F.TYPE_DOUBLE, ""), ("timestamp", 2, _F.TYPE_INT64, "")),
    "Histogram": (("sum", 3, _F.TYPE_DOUBLE, ""),),
    "TimeSeries": (
        ("labels", 1, _F.TYPE_MESSAGE, "Label"),
        ("samples", 2, _F.TYPE_MESSAGE, "Sample"),
        ("exemplars", 3, _F.TYPE_MESSAGE, "Sample"),
        ("histograms", 4, _F.TYPE_MESSAGE, "Histogram"),
    ),
    "MetricMetadata": (("type", 1, _F.TYPE_INT64, ""), ("unit", 5, _F.TYPE_STRING, "")),
    "WriteRequest": (
        ("timeseries", 1, _F.TYPE_MESSAGE, "TimeSeries"),
        ("metadata", 3, _F.TYPE_MESSAGE, "MetricMetadata"),
    ),
}


def _write_request_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="remote.proto", package="t", syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_name in fields:
            label = _F.LABEL_REPEATED if type_name else _F.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, type=kind, label=label)
            if type_name:
                added.type_name = f".t.{type_name}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.WriteRequest"))


WriteRequest = _write_request_class()


def write_request(
    series: Sequence[tuple[Mapping[str, str], Sequence[tuple[float, int]]]], **extra: int
) -> bytes:
    """An encoded request of (labels, [(value, timestamp in ms)]).

    Args:
        series: What it holds.
        extra: ``exemplars``, ``histograms``: so many of them in each series; ``metadata``.
    """
    request = WriteRequest()
    for labels, samples in series:
        one = request.timeseries.add()  # type: ignore[attr-defined]
        for name, value in labels.items():
            one.labels.add(name=name, value=value)
        for number, timestamp in samples:
            one.samples.add(value=number, timestamp=timestamp)
        for _ in range(extra.get("exemplars", 0)):
            one.exemplars.add(value=1.5)
        for _ in range(extra.get("histograms", 0)):
            one.histograms.add(sum=2.5)
    for _ in range(extra.get("metadata", 0)):
        request.metadata.add(type=1, unit="seconds")  # type: ignore[attr-defined]
    return request.SerializeToString()


def snappy(message: bytes) -> bytes:
    """A message as remote write sends it."""
    return bytes(cramjam.snappy.compress_raw(message))
