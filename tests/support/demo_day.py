"""What the shipped rules make of the demo's day, without a product around them."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from appliance.demo.day import generate
from appliance.demo.message import Transport
from detections.correlation.chain import Chain
from detections.correlation.finder import About
from detections.correlation.hit import microseconds
from detections.correlation.limits import Limits
from detections.correlation.links import Links
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
    links = Links(rule_set.correlations)
    chain = Chain(links, Limits(), lateness_us=0)
    for number, message in enumerate(generate(seed, end)):
        if message.transport not in DIALECTS:
            continue
        dialect = DIALECTS[message.transport]
        fields = parse(message.payload, received=end, dialect=dialect).fields
        where = EventPosition(
            id=f"{number:09}", topic="events.log", partition=0, offset=number, time=message.time
        )
        for match in engine.evaluate(fields, message.payload.decode()):
            rule = match.rule
            if not links.is_silent(rule.id, rule.name):
                yield message.time, rule.title, tuple(rule.tags), {}
            at = microseconds(message.time)
            chain.observe(
                chain.finder.of_match(
                    rule.id, rule.name, fields, where, time_us=at, received_us=at, about=About
                )
            )
    for firing in chain.flush():
        found = firing.correlation
        yield firing.completing.event.time, found.title, tuple(found.tags), firing.group
