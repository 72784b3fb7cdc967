"""The reference pages and the example configuration, written from the code that they describe.

Pure: ``pages()`` returns texts; ``tocsin docs`` writes them and a test compares them.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import appliance.metrics
import broker_core.metrics
import detections.metrics
import pipeline.metrics
import web.metrics
from appliance.config import Configuration
from broker_core.log import topic_config_reference
from broker_core.protocol import api_keys
from pipeline.schema.fields import FIELDS
from pipeline.schema.topics import TOPICS

GENERATED = "Written by `./tocsin docs` from the code; do not edit.\n"
METRIC_MODULES = (
    appliance.metrics,
    pipeline.metrics,
    detections.metrics,
    web.metrics,
    broker_core.metrics,
)
KINDS = {Counter: "counter", Gauge: "gauge", Histogram: "histogram"}
SET_BY_APPLIANCE = {
    "broker.data_dir",
    "pipeline.embedded_store.directory",
    "detections.cache_directory",
}


def pages() -> dict[Path, str]:
    """Every generated file by its path in the repository."""
    return {
        Path("docs/reference/settings.md"): _settings_page(),
        Path("docs/reference/metrics.md"): _metrics_page(),
        Path("docs/reference/topics.md"): _topics_page(),
        Path("docs/reference/fields.md"): _fields_page(),
        Path("docs/reference/kafka-apis.md"): api_keys.reference_page(),
        Path("docs/reference/topic-settings.md"): topic_config_reference.reference_page(),
        Path("deploy/tocsin.toml"): _example(),
    }


def _table(title: str, intro: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"# {title}", "", GENERATED, intro, "", "| " + " | ".join(head) + " |"]
    lines.append("|" + " --- |" * len(head))
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    """Every value that can be set, by its dotted name, in the order of declaration."""
    yield from _walk("", Configuration)


def _walk(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    sections = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            sections.append((f"{prefix}{name}.", kind))
        elif f"{prefix}{name}" not in SET_BY_APPLIANCE:
            yield f"{prefix}{name}", field
    for inner, kind in sections:
        yield from _walk(inner, kind)


def _default(field: FieldInfo) -> Any:
    """The default as TOML and the environment would write it; None if it has none to show."""
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined or value is None:
        return None
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():g}S"
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list | frozenset):
        return [str(item) for item in value]
    return value


def _toml(value: Any) -> str:
    """A default as a TOML value (JSON writes the kinds that we use the same way)."""
    return "{}" if value == {} else json.dumps(value)


def _settings_page() -> str:
    rows = []
    for name, field in _settings():
        default = _default(field)
        variable = "TOCSIN_" + name.upper().replace(".", "__")
        shown = "–" if default is None else f"`{_toml(default)}`"
        rows.append((f"`{name}`", shown, field.description or "", f"`{variable}`"))
    intro = "Set in the file named by `--config`, or by the environment; durations are ISO 8601."
    return _table("Settings", intro, ("Key", "Default", "Meaning", "Environment"), rows)


def _example() -> str:
    """Every value commented out at its default, under its section."""
    lines = [
        "# Every setting of Tocsin at its default; remove a # to change one.",
        "# " + GENERATED.strip(),
    ]
    section = ""
    for name, field in _settings():
        found, _, key = name.rpartition(".")
        if found != section:
            section = found
            lines += ["", f"[{section}]"]
        default = _default(field)
        value = '"…"' if default is None else _toml(default)
        lines.append(f"# {key} = {value}  # {field.description}")
    return "\n".join(lines) + "\n"


def _metrics_page() -> str:
    rows = []
    for module in METRIC_MODULES:
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                described = next(iter(metric.describe()))
                kind = KINDS[type(metric)]
                name = described.name + ("_total" if kind == "counter" else "")
                labels = ", ".join(metric._labelnames)
                part = module.__name__.split(".")[0]
                rows.append((f"`{name}`", kind, labels, described.documentation, part))
    intro = "What the roles show at `/metrics`, in Prometheus' text format."
    return _table("Metrics", intro, ("Name", "Kind", "Labels", "Meaning", "Package"), sorted(rows))


def _topics_page() -> str:
    rows = []
    for topic in TOPICS:
        days = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 86_400_000} days"
        kept = "the last record of each key" if topic.compacted else days
        rows.append((f"`{topic.name}`", str(topic.partitions), topic.key, kept))
    intro = "Created on first run where they are missing; any Kafka client can read them."
    return _table("Topics", intro, ("Topic", "Partitions", "Keyed by", "Kept"), rows)


def _fields_page() -> str:
    rows = []
    for field in FIELDS:
        aliases = ", ".join(f"`{alias}`" for alias in field.aliases) or "–"
        column = f"`{field.column}`" if field.column else "–"
        rows.append((f"`{field.name}`", field.meaning, aliases, column))
    intro = (
        "The names that we give meaning to. What a source calls its own fields stays beside them,"
        " under the names that Sigma's taxonomy gives that log source."
    )
    return _table("Fields", intro, ("Field", "Meaning", "Taken from", "Column"), rows)
