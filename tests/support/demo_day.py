"""What the shipped rules make of the demo's day, without a product around them."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from appliance.demo.day import generate
from appliance.demo.message import Transport
from detections.correlation import Correlator, HitFinder
from detections.engine import Engine
from detections.rule_set import RuleSet
from pipeline.parsing.detect import Dialect, parse
from pipeline.schema.alert import EventPosition

DIALECTS = {
    Transport.SYSLOG_TCP: Dialect.SYSLOG,
    Transport.SYSLOG_UDP: Dialect.SYSLOG,
    Transport.NDJSON: Dialect.JSON,
}
Alert = tuple[datetime, str, tuple[str, ...], Mapping[str, str]]


def alerts(rule_set: RuleSet, seed: int, end: datetime) -> Iterator[Alert]:
    """Time, title, tags and group of everything that fires on the day that ends then."""
    engine = Engine(rule_set)
    finder = HitFinder(rule_set.correlations)
    correlator = Correlator(rule_set.correlations, max_groups=10_000, max_events=200_000)
    for number, message in enumerate(generate(seed, end)):
        if message.transport not in DIALECTS:
            continue
        dialect = DIALECTS[message.transport]
        fields = parse(message.payload, received=end, dialect=dialect).fields
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
