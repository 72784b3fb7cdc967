"""The detection engine by itself: events a second and CPU microseconds an event on one core.

``./tocsin bench detections --sigma ../shared/sigma [--rules 100,1000,3777,30000] [--seconds 5]
[--peer rsigma=PATH]``; JSON on stdout. The set is a directory with ``rules``, ``events`` and an
``index.jsonl`` that names the event files with the log source of each.

Three regimes. *First*: every event of the set once, nothing remembered. *Warm*: the set again and
again. *Fresh*: the set again and again, with a token never seen before at the end of every field
of which many values are distinct, so that no memo knows them. Each is measured over the whole set
(``mixed``) and over its process creations alone, and each in a process of its own, which also says
how much memory it took. Time is processor time, so that a busy machine tells the same.
"""

import argparse
import gc
import gzip
import itertools
import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

from detections.detector import Detected, Detector
from detections.engine import Engine
from detections.log_source import EventSources, sources_of
from detections.rule_set import RuleSet, load
from detections.scan import event_of_line
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_event, encode_event
from pipeline.schema.event import Event, Kind, Value
from pipeline.schema.fields import LOGSOURCE_CATEGORY, LOGSOURCE_PRODUCT, LOGSOURCE_SERVICE

Regime = Literal["first", "warm", "fresh"]
REGIMES: tuple[Regime, ...] = ("first", "warm", "fresh")
# A field is of high cardinality if more than this share of its values differ.
DISTINCT_SHARE = 0.03
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sample:
    """An event as the engine takes it."""

    fields: dict[str, Value]
    raw: str
    sources: EventSources


def samples(sigma: Path) -> list[Sample]:
    """Every event of the set, with the log source that its file or its own fields name."""
    found = []
    for entry in map(json.loads, (sigma / "index.jsonl").read_text().splitlines()):
        said = _log_source_fields(entry.get("logsource") or {})
        for line in _content(sigma / entry["file"]).splitlines():
            if line.strip():
                fields, raw = event_of_line(line, is_json=True)
                fields |= said
                found.append(Sample(fields, raw, sources_of(fields)))
    return found


def _content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def _log_source_fields(said: Mapping[str, Any]) -> dict[str, Value]:
    services = said.get("services") or [said.get("service")]
    wanted = {
        LOGSOURCE_PRODUCT: said.get("product"),
        LOGSOURCE_CATEGORY: said.get("category"),
        LOGSOURCE_SERVICE: [service for service in services if service],
    }
    return {name: value for name, value in wanted.items() if value}


def of_process_creation(events: Sequence[Sample]) -> list[Sample]:
    """Those of the largest class of rules."""
    return [event for event in events if "process_creation" in event.sources.categories]


def high_cardinality(events: Sequence[Sample]) -> frozenset[str]:
    """The fields of which many text values differ."""
    count: dict[str, int] = defaultdict(int)
    distinct: dict[str, set[str]] = defaultdict(set)
    for event in events:
        for name, value in event.fields.items():
            if isinstance(value, str):
                count[name] += 1
                distinct[name].add(value)
    return frozenset(
        name for name, seen in distinct.items() if len(seen) > DISTINCT_SHARE * count[name]
    )


def rounds(events: Sequence[Sample], regime: Regime) -> Iterator[list[Sample]]:
    """The set, over and over; in the fresh regime never the same twice."""
    if regime != "fresh":
        yield from itertools.repeat(list(events))
    names = high_cardinality(events)
    tokens = itertools.count()
    while True:
        yield [_renewed(event, names, f" {next(tokens):08x}") for event in events]


def _renewed(event: Sample, names: frozenset[str], token: str) -> Sample:
    fields = {
        name: value + token if name in names and isinstance(value, str) else value
        for name, value in event.fields.items()
    }
    return Sample(fields, event.raw, event.sources)


def timed(
    evaluate: Callable[[Sequence[Any]], int],
    batches: Iterator[Sequence[Any]],
    *,
    seconds: float,
    once: bool,
) -> dict[str, Any]:
    """Processor time of evaluating batches until so much is spent; making them is not counted."""
    events = matches = 0
    spent = 0.0
    while not events or (spent < seconds and not once):
        batch = next(batches)
        gc.collect()
        started = time.process_time()
        matches += evaluate(batch)
        spent += time.process_time() - started
        events += len(batch)
    return {
        "events": events,
        "matches": matches,
        "events_per_second": round(events / spent),
        "cpu_us_per_event": round(1e6 * spent / events, 2),
    }


def measure_regime(
    rule_set: RuleSet, events: Sequence[Sample], regime: Regime, *, seconds: float
) -> dict[str, Any]:
    """The engine alone: fields in, matches out."""
    engine = Engine(rule_set)
    before = psutil.Process().memory_info().rss

    def evaluate(batch: Sequence[Sample]) -> int:
        return sum(len(engine.evaluate(event.fields, event.raw)) for event in batch)

    if regime != "first":
        evaluate(events)
    batches = rounds(events, regime)
    found = timed(evaluate, batches, seconds=seconds, once=regime == "first")
    return found | {"rss_mb": round((psutil.Process().memory_info().rss - before) / (1 << 20), 1)}


def measure_records(
    rule_set: RuleSet, events: Sequence[Sample], regime: Regime, *, seconds: float
) -> dict[str, Any]:
    """As the worker does it: record values in, alerts and hits out."""
    detector = Detector(rule_set, DetectionSettings())

    def evaluate(batch: Sequence[bytes]) -> int:
        found = Detected()
        for offset, value in enumerate(batch):
            event = decode_event(value)
            position = EventPosition(
                id=event.id, topic="bench", partition=0, offset=offset, time=event.time
            )
            detector.detect(event, position, found, observed_time=_LONG_AGO)
        return found.matches

    if regime != "first":
        evaluate(_records(events))
    batches = map(_records, rounds(events, regime))
    return timed(evaluate, batches, seconds=seconds, once=regime == "first")


def _records(events: Sequence[Sample]) -> list[bytes]:
    return [
        encode_event(
            Event(
                id=f"018f0000-0000-7000-8000-{number:012x}",
                kind=Kind.LOG,
                time=_LONG_AGO,
                observed_time=_LONG_AGO,
                source="bench",
                fields=event.fields,
                raw=event.raw.encode(),
            )
        )
        for number, event in enumerate(events)
    ]


def many_rules(sigma: Path, count: int, scratch: Path) -> Path:
    """A directory of that many rules of the set; copies with literals of their own beyond it."""
    directory = scratch / f"rules-{count}"
    directory.mkdir()
    files = sorted((sigma / "rules").rglob("*.yml"))
    step = max(1, len(files) // count)
    chosen = files[::step][:count]
    for number in range(count):
        text = chosen[number % len(chosen)].read_text()
        copy = number // len(chosen)
        if copy:
            text = _another(text, copy)
        (directory / f"{number:06}.yml").write_text(text)
    return directory


def _another(text: str, copy: int) -> str:
    """The rule under another id, asking for other values of the same shape."""
    lines = []
    for line in text.splitlines():
        stripped = line.strip()
        if line.startswith("id: "):
            line = f"{line[:-4]}{copy:04x}"
        elif stripped.startswith("- '") and stripped.endswith("'") and len(stripped) > 8:
            at = line.index("- '") + 3 + (len(stripped) - 4) // 2
            line = f"{line[:at]}{copy:x}{line[at:]}"
        lines.append(line)
    return "\n".join(lines) + "\n"


def measure_load(rules: Path, events: Sequence[Sample]) -> dict[str, Any]:
    """Seconds until rules are in force, without and with what an earlier start left behind."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "cached"):
            started = time.monotonic()
            rule_set = load([rules], cache_directory=Path(cache))
            loaded = time.monotonic()
            engine = Engine(rule_set)
            engine.evaluate(events[0].fields, events[0].raw)
            first = time.monotonic()
            for event in of_process_creation(events)[:1]:
                engine.evaluate(event.fields, event.raw)
            found[name] = {
                "load_seconds": round(loaded - started, 2),
                "first_event_after_seconds": round(first - started, 2),
                "process_creation_after_seconds": round(time.monotonic() - started, 2),
            }
    return found | {"rules": len(rule_set.rules), "problems": len(rule_set.problems)}


def of_rsigma(binary: str, sigma: Path, events: Sequence[Sample], scratch: Path) -> dict[str, Any]:
    """The Rust engine over the same rules and events: processor seconds of its process.

    The time of a run with one event, which is that of loading rules, is taken off.
    """
    every, one = scratch / "events.ndjson", scratch / "event.ndjson"
    every.write_text("".join(json.dumps(event.fields) + "\n" for event in events))
    one.write_text(json.dumps(events[0].fields) + "\n")
    spent = {}
    for path in (one, every):
        before = time.monotonic()
        children = psutil.Process().cpu_times()
        with path.open() as stdin, (scratch / "rsigma.out").open("w") as stdout:
            command = [binary, "engine", "eval", "--rules", str(sigma / "rules")]
            subprocess.run(
                command, stdin=stdin, stdout=stdout, stderr=subprocess.DEVNULL, check=False
            )
        after = psutil.Process().cpu_times()
        spent[path] = (
            after.children_user
            + after.children_system
            - children.children_user
            - children.children_system,
            time.monotonic() - before,
        )
    seconds = spent[every][0] - spent[one][0]
    matches = sum(1 for _ in (scratch / "rsigma.out").open())
    return {
        "events": len(events),
        "output_lines": matches,
        "load_cpu_seconds": round(spent[one][0], 2),
        "events_per_second": round(len(events) / seconds),
        "cpu_us_per_event": round(1e6 * seconds / len(events), 2),
    }


Measure = Callable[..., dict[str, Any]]


def _alone(queue: Any, measure: Measure, rules: Path, sigma: Path, kind: str, rest: Any) -> None:
    events = samples(sigma)
    chosen = of_process_creation(events) if kind == "process_creation" else events
    rule_set = load([rules], cache_directory=rest.pop("cache"))
    queue.put(measure(rule_set, chosen, **rest))


def in_a_process(measure: Measure, rules: Path, sigma: Path, kind: str, **rest: Any) -> Any:
    """What a measurement in a process of its own gives."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_alone, args=(queue, measure, rules, sigma, kind, rest))
    process.start()
    found = queue.get()
    process.join()
    return found


def main() -> None:
    """Parse the arguments, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sigma", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rules", default="", help="also this many rules, comma-separated")
    parser.add_argument("--rsigma", default="", help="its binary, measured over the same")
    given = parser.parse_args()
    sigma: Path = given.sigma
    events = samples(sigma)
    result: dict[str, Any] = {"load": measure_load(sigma / "rules", events)}
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        cache = scratch / "cache"
        for kind, regime in itertools.product(("mixed", "process_creation"), REGIMES):
            for name, measure in (("engine", measure_regime), ("records", measure_records)):
                result.setdefault(name, {}).setdefault(kind, {})[regime] = in_a_process(
                    measure,
                    sigma / "rules",
                    sigma,
                    kind,
                    cache=cache,
                    regime=regime,
                    seconds=given.seconds,
                )
        for count in filter(None, given.rules.split(",")):
            rules = many_rules(sigma, int(count), scratch)
            found = {"load": measure_load(rules, events)}
            for kind in ("mixed", "process_creation"):
                found[kind] = in_a_process(
                    measure_regime,
                    rules,
                    sigma,
                    kind,
                    cache=cache / count,
                    regime="fresh",
                    seconds=given.seconds,
                )
            result.setdefault("curve", {})[count] = found
        if given.rsigma:
            result["rsigma"] = of_rsigma(given.rsigma, sigma, events, scratch)
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
