"""The shipped rules on the demo's day: every stage is caught and nothing else, by any seed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from appliance.demo.company import found_company
from appliance.demo.day import generate
from appliance.demo.message import Transport
from detections.correlation import Correlator, HitFinder
from detections.engine import Engine
from detections.rule_set import SHIPPED_RULES, RuleSet, load
from pipeline.parsing.detect import Dialect, parse
from pipeline.schema.alert import EventPosition

END = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
DIALECTS = {
    Transport.SYSLOG_TCP: Dialect.SYSLOG,
    Transport.SYSLOG_UDP: Dialect.SYSLOG,
    Transport.NDJSON: Dialect.JSON,
}
# Technique of each stage: how it is called in ATT&CK, not which of our rules finds it.
STAGES = {
    "paths guessed": "attack.t1595",
    "ports scanned": "attack.t1046",
    "web server attacked": "attack.t1190",
    "passwords guessed": "attack.t1110",
    "signed in from outside": "attack.t1078",
    "root by sudo": "attack.t1548",
    "account created": "attack.t1136",
    "account made an administrator": "attack.t1098",
    "job planted": "attack.t1053",
    "script hidden": "attack.t1059.001",
    "service planted": "attack.t1543",
    "logs emptied on Linux": "attack.t1070.002",
    "log cleared on Windows": "attack.t1070.001",
}
Alert = tuple[datetime, str, tuple[str, ...], Mapping[str, str]]


@pytest.fixture(scope="module")
def rule_set() -> RuleSet:
    return load([SHIPPED_RULES])


def alerts(rule_set: RuleSet, seed: int) -> Iterator[Alert]:
    """Time, title, tags and group of everything that fires on a day."""
    engine = Engine(rule_set)
    finder = HitFinder(rule_set.correlations)
    correlator = Correlator(rule_set.correlations, max_groups=10_000, max_events=200_000)
    for number, message in enumerate(generate(seed, END)):
        if message.transport not in DIALECTS:
            continue
        dialect = DIALECTS[message.transport]
        fields = parse(message.payload, received=END, dialect=dialect).fields
        where = EventPosition(
            id=str(number), topic="events.log", partition=0, offset=number, time=message.time
        )
        for match in engine.evaluate(fields, message.payload.decode()):
            rule = match.rule
            if not finder.is_silent(rule.id, rule.name):
                yield message.time, rule.title, tuple(rule.tags), {}
            for hit in finder.hits(rule.id, rule.name, fields, where):
                if firing := correlator.observe(hit):
                    found = firing.correlation
                    yield message.time, found.title, tuple(found.tags), firing.group


@pytest.mark.parametrize("seed", [1, 2])
def test_every_stage_raises_an_alert_and_the_rest_of_the_day_none(
    rule_set: RuleSet, seed: int
) -> None:
    intruder = found_company(seed).intruder
    titles: dict[str, set[str]] = defaultdict(set)
    for time, title, tags, group in alerts(rule_set, seed):
        assert time > END - timedelta(hours=1), f"{title} on an ordinary day"
        for stage, technique in STAGES.items():
            if any(tag.startswith(technique) for tag in tags):
                titles[stage].add(title)
        for name in ("source.ip", "src_ip", "c-ip"):
            assert group.get(name, intruder.address) in (intruder.address, intruder.scanner)

    assert set(STAGES) - set(titles) == set()
