"""Every expectation of the Sigma development set, through the same code as the live worker."""

import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict

import pytest
import yaml

from detections.alerting import alert_of_firing
from detections.correlation.hit import microseconds
from detections.correlation.partition import Tick
from detections.detector import Detected, Detector
from detections.engine import Engine
from detections.log_source import EventSources, parse_log_source
from detections.processing import Processing
from detections.rule_set import RuleSet, load
from detections.rule_watch import RuleWatch
from detections.scan import main_scan
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_event, encode_event
from pipeline.schema.event import Event, Kind
from pipeline.schema.fields import with_ecs
from pipeline.schema.flatten import flatten
from tests.support.hits_log import SOURCE, HitsLog


class LogSourceOfFile(TypedDict, total=False):
    """How the set says which log source a file's events have."""

    product: str | None
    category: str | None
    service: str
    services: list[str]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def rule_set(sigma_set: Path, cache: Path) -> RuleSet:
    return load([sigma_set / "rules"], cache_directory=cache)


def options(found: LogSourceOfFile | None) -> list[str]:
    """The --logsource options for a file of the set."""
    found = found or {}
    services = (
        found.get("services") or [found["service"]]
        if found.get("service") or found.get("services")
        else []
    )
    pairs = [("product", found.get("product")), ("category", found.get("category"))]
    pairs += [("service", service) for service in services]
    return [f"{key}={value}" for key, value in pairs if value]


def sources(found: LogSourceOfFile) -> EventSources:
    given = parse_log_source(options(found))
    assert given is not None
    return given


def test_every_rule_is_loaded_or_a_named_problem(rule_set: RuleSet) -> None:
    assert len(rule_set.rules) == 3_752
    assert len(rule_set.problems) == 25
    assert all("placeholder" in problem.reason for problem in rule_set.problems)
    assert all(problem.line > 1 and problem.rule_id for problem in rule_set.problems)


def test_with_values_for_every_placeholder_every_rule_is_loaded(
    sigma_set: Path, rule_set: RuleSet
) -> None:
    refused = [Path(problem.path) for problem in rule_set.problems]
    names = {name for path in refused for name in re.findall("%([^% ]+)%", path.read_text())}

    found = load(refused, processing=Processing(placeholders={name: ("a", "b*") for name in names}))

    assert len(found.rules) == len(refused)
    assert found.problems == []


@pytest.mark.timeout(300)
def test_scan_finds_exactly_the_expected_matches(sigma_set: Path, cache: Path) -> None:
    by_options: dict[tuple[str, ...], list[Path]] = defaultdict(list)
    expected: set[tuple[str, int, str]] = set()
    events = 0
    for line in (sigma_set / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        path = sigma_set / entry["file"]
        by_options[tuple(options(entry.get("logsource")))].append(path)
        events += entry["events"]
        for match in entry["expected"]:
            expected |= {(str(path), match["line"], rule) for rule in match["rules"]}

    found: set[tuple[str, int, str]] = set()
    scanned = 0
    for log_source, paths in by_options.items():
        out, err = io.StringIO(), io.StringIO()
        code = main_scan([sigma_set / "rules"], paths, log_source, out, err, cache_directory=cache)
        assert code == 0
        scanned += int(err.getvalue().splitlines()[-1].split()[0])
        lines = map(json.loads, out.getvalue().splitlines())
        found |= {(line["file"], line["line"], line["rule"]) for line in lines}

    assert scanned == events
    assert found == expected


class Case(TypedDict):
    """An event and whether a rule, or which rules, must match it."""

    event: dict[str, Any]
    match: bool | list[str]


def titles(case: Case, title: str) -> list[str]:
    """The titles that must be found, for a case of one rule as of several."""
    match = case["match"]
    return match if isinstance(match, list) else [title] * match


def cases(sigma_set: Path) -> Iterator[tuple[str, str, list[Case]]]:
    """Every entry of ``semantics``: a name, a rule file's text and its cases."""
    for line in (sigma_set / "semantics" / "matcher.jsonl").read_text().splitlines():
        entry = json.loads(line)
        yield entry["id"], json.dumps(entry["rule"]), entry["cases"]  # JSON is YAML
    for line in (sigma_set / "semantics" / "filters.jsonl").read_text().splitlines():
        entry = json.loads(line)
        yield entry["id"], entry["rules"], entry["cases"]


def test_scan_finds_every_case_of_the_meaning_of_sigma(sigma_set: Path, tmp_path: Path) -> None:
    wrong = []
    for name, text, expected in cases(sigma_set):
        rules, events = tmp_path / f"{name}.yml", tmp_path / f"{name}.ndjson"
        rules.write_text(text)
        events.write_text("".join(json.dumps(case["event"]) + "\n" for case in expected))
        out, err = io.StringIO(), io.StringIO()
        main_scan([rules], [events], ["category=test"], out, err)
        found = [json.loads(line) for line in out.getvalue().splitlines()]
        for number, case in enumerate(expected, 1):
            own = [line["title"] for line in found if line["line"] == number]
            if own != titles(case, name):
                wrong.append((name, case, own))

    assert wrong == []


async def test_live_rules_find_every_case_of_the_meaning_of_sigma(
    sigma_set: Path, tmp_path: Path
) -> None:
    settings = DetectionSettings(shipped_rules=False, rule_directories=(tmp_path,))
    rules, wrong = RuleWatch(settings), []
    for name, text, expected in cases(sigma_set):
        (tmp_path / "rules.yml").write_text(text)
        await rules.load()
        for case in expected:
            found = Detected()
            rules.detector.detect(
                as_collected(case["event"]), POSITION, found, observed_time=OBSERVED
            )
            own = [alert.rule_title for alert in found.alerts]
            if own != titles(case, name):
                wrong.append((name, case, own))

    assert wrong == []


OBSERVED = datetime(2026, 1, 1, tzinfo=UTC)
POSITION = EventPosition(id="e", topic="events", partition=0, offset=0, time=OBSERVED)


def as_collected(document: dict[str, Any]) -> Event:
    """A document as an event that has been through the log."""
    raw = json.dumps(document).encode()
    fields = {**with_ecs(flatten(document)), "logsource.category": "test"}
    event = Event(
        id="e",
        kind=Kind.LOG,
        time=OBSERVED,
        observed_time=OBSERVED,
        source="test",
        fields=fields,
        raw=raw,
    )
    return decode_event(encode_event(event))


def test_every_raw_line_is_found_by_the_rules_it_must_be_found_by(
    sigma_set: Path, rule_set: RuleSet
) -> None:
    engine = Engine(rule_set)
    wrong = []
    for line in (sigma_set / "rawlines" / "cases.jsonl").read_text().splitlines():
        case = json.loads(line)
        matches = engine.evaluate(
            flatten(case["expect_fields"]), case["raw"], sources(case["logsource"])
        )
        found = {match.rule.id for match in matches}
        if found != set(case["reference_rules"]):
            wrong.append((case["id"], found))

    assert wrong == []


# Rule, group and the event that completes it, by its place in event time.
Fired = tuple[str, tuple[tuple[str, str], ...], int]


def wrongs_of(case: dict[str, Any], fired: Sequence[Fired]) -> list[str]:
    """What a correlation case demands and did not happen, or forbids and happened."""
    names = {one["id"]: one["name"] for one in yaml.safe_load_all(case["rules"])}
    first: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    for rule, group, event in fired:
        first.setdefault((names[rule], group), event)
    wrong = []
    for must in case["must_fire"]:
        key = (must["rule"], tuple(must["group"].items()))
        if first.get(key) != must["first_at"]:
            wrong.append(f"{case['id']}: {key} is first at {first.get(key)}")
    for must_not in case["must_not_fire"]:
        for name, group in first:
            if name == must_not["rule"] and must_not["group"] in ({}, dict(group)):
                wrong.append(f"{case['id']}: {name} {group} fired")
    return wrong


def correlation_cases(sigma_set: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for line in (sigma_set / "correlation" / "cases.jsonl").read_text().splitlines()
    ]


def test_every_correlation_case_holds_through_scan(sigma_set: Path, tmp_path: Path) -> None:
    wrong = []
    for case in correlation_cases(sigma_set):
        rules, events = tmp_path / f"{case['id']}.yml", tmp_path / f"{case['id']}.ndjson"
        rules.write_text(case["rules"])
        order = case["delivery"] or range(len(case["events"]))
        events.write_text("".join(json.dumps(case["events"][place]) + "\n" for place in order))
        out, err = io.StringIO(), io.StringIO()
        assert main_scan([rules], [events], ["category=test"], out, err, time_field="ts") == 0
        fired: list[Fired] = []
        for line in map(json.loads, out.getvalue().splitlines()):
            completing = line["lines"][-1] if "lines" in line else line["line"]
            group = tuple(line.get("group", {}).items())
            fired.append((line["rule"], group, order[completing - 1]))
        wrong += wrongs_of(case, fired)

    assert wrong == []


@pytest.mark.parametrize("killed", [-1, 0, 1, 2])
def test_every_correlation_case_holds_for_the_live_path(
    sigma_set: Path, tmp_path: Path, killed: int
) -> None:
    """Events are received a second apart in the order of delivery, over three hits partitions.

    The owner of one of them is killed after every event, before it commits.
    """
    wrong = []
    received = datetime(2026, 3, 1, 13, tzinfo=UTC)
    for case in correlation_cases(sigma_set):
        rules = tmp_path / "rules.yml"
        rules.write_text(case["rules"])
        detector, found = Detector(load([rules]), DetectionSettings()), Detected()
        log = HitsLog(detector.links, partitions=3, sources=[SOURCE], lateness_us=10_000_000)
        for number, place in enumerate(case["delivery"] or range(len(case["events"]))):
            now, before = received + timedelta(seconds=number), len(found.hits)
            one = case["events"][place]
            event = Event(
                id=f"018f0000-0000-7000-8000-{place:012}",
                kind=Kind.LOG,
                time=datetime.fromisoformat(one["ts"]),
                observed_time=now,
                source="http:test",
                fields={**flatten(one), "logsource.category": "test"},
            )
            position = EventPosition(
                id=event.id, topic="events.log", partition=0, offset=place, time=event.time
            )
            detector.detect(event, position, found, observed_time=now)
            log.write(found.hits[before:], [Tick(received_us={SOURCE: microseconds(now)})])
            log.run(killed=killed)
        log.write([], [Tick(received_us={SOURCE: microseconds(received + timedelta(days=1))})])
        log.run(killed=killed)
        fired = [
            alert_of_firing(one, observed_time=received)
            for one in log.fired
            if not detector.links.is_silent(one.correlation.id, one.correlation.name)
        ]
        alerts = [*found.alerts, *fired]
        wrong += wrongs_of(
            case,
            [(one.rule_id, tuple(one.group.items()), one.events[-1].offset) for one in alerts],
        )
        assert len({alert.id for alert in alerts}) == len(alerts)

    assert wrong == []
