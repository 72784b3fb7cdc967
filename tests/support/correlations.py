"""Correlations to test with, hits for them, and the plainest possible meaning of each kind.

``naive_firings`` knows no state: it has all hits of a correlation and looks at every window anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import combinations
from typing import Any

import yaml

from detections.correlation.definition import Correlation
from detections.correlation.expression import Term
from detections.correlation.hit import Firing, Hit
from detections.documents import compile_text
from detections.errors import RuleProblem
from pipeline.schema.alert import EventPosition

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c009"


def written(*, id_: str = ID, name: str = "", **changes: Any) -> dict[str, Any]:
    """A correlation's document: three failed logins of a user in a minute, with changes."""
    section: dict[str, Any] = {
        "type": "event_count",
        "rules": ["failed"],
        "group-by": ["user"],
        "timespan": "60s",
        "condition": {"gte": 3},
    }
    section |= {key.replace("_by", "-by"): value for key, value in changes.items()}
    section = {key: value for key, value in section.items() if value is not None}
    named = {"name": name} if name else {}
    return {"title": "Brute", "id": id_, **named, "correlation": section}


def correlation(**changes: Any) -> Correlation:
    """The correlation of such a document."""
    [found] = compile_text(yaml.safe_dump(written(**changes)))
    assert isinstance(found, Correlation), found
    return found


def problem(**changes: Any) -> str:
    """Why such a document gives none."""
    [found] = compile_text(yaml.safe_dump(written(**changes)))
    assert isinstance(found, RuleProblem), found
    return found.reason


def position(number: int, seconds: float) -> EventPosition:
    """Where an event lies."""
    return EventPosition(
        id=f"018f0000-0000-7000-8000-{number:012}",
        topic="events.log",
        partition=0,
        offset=number,
        time=NOON + timedelta(seconds=seconds),
    )


def hit(
    of: Correlation,
    seconds: float,
    *,
    number: int | None = None,
    user: str = "a",
    rule: str = "",
    value: str = "",
    received: float | None = None,
    carried: Mapping[str, str] | None = None,
) -> Hit:
    """A hit at so many seconds after noon, received at once or then."""
    return Hit(
        correlation=of.id,
        revision=of.revision,
        group={"user": user} if of.group_by else {},
        rule=rule,
        value=value,
        time_us=round(seconds * 1e6),
        received_us=round((seconds if received is None else received) * 1e6),
        event=position(round(seconds * 1_000) if number is None else number, seconds),
        carried=carried or {},
    )


def naive_firings(of: Correlation, hits: Iterable[Hit]) -> list[tuple[str, str, int, int]]:
    """By group, the completing event of everything that fires, when, and of how many events."""
    groups: dict[str, dict[tuple[str, str], Hit]] = defaultdict(dict)
    for one in hits:
        groups["/".join(one.key[1:])][one.event.id, one.rule] = one
    found = []
    for group, members in groups.items():
        ordered = sorted(
            members.values(),
            key=lambda one: (one.time_us, one.event.id, of.rules.index(one.rule or of.rules[0])),
        )
        windows = _closing if of.is_decided_at_close else _sliding
        if of.kind == "absence":
            windows = _silences
        found += [
            (group, window[-1].event.id, decided, len(window))
            for window, decided in windows(of, ordered)
        ]
    return sorted(found)


def firings_of(fired: Iterable[Firing]) -> list[tuple[str, str, int, int]]:
    """The same of what a correlator says."""
    return sorted(
        (
            "/".join(f"{name}={value}" for name, value in one.group.items()),
            one.completing.event.id,
            one.decided_us,
            one.event_count,
        )
        for one in fired
    )


def _sliding(of: Correlation, hits: Sequence[Hit]) -> list[tuple[Sequence[Hit], int]]:
    found: list[tuple[Sequence[Hit], int]] = []
    quiet = -(10**18)
    for place, last in enumerate(hits):
        begin = last.time_us - of.timespan_us
        window = [one for one in hits[: place + 1] if one.time_us >= begin]
        if last.time_us > quiet and _holds(of, window):
            found.append((window, last.time_us))
            quiet = last.time_us + of.timespan_us
    return found


def _closing(of: Correlation, hits: Sequence[Hit]) -> list[tuple[Sequence[Hit], int]]:
    found: list[tuple[Sequence[Hit], int]] = []
    left = list(hits)
    while left:
        end = left[0].time_us + of.timespan_us
        window = [one for one in left if one.time_us <= end]
        left = left[len(window) :]
        if _holds(of, window):
            found.append((window, end))
    return found


def _silences(of: Correlation, hits: Sequence[Hit]) -> list[tuple[Sequence[Hit], int]]:
    """Every hit that no other follows within one timespan."""
    ends = [one.time_us + of.timespan_us for one in hits]
    return [
        ([one], end)
        for one, end, after in zip(hits, ends, [*hits[1:], None], strict=True)
        if after is None or after.time_us > end
    ]


def _holds(of: Correlation, window: Sequence[Hit]) -> bool:
    if of.expression is not None:
        if of.kind == "temporal_ordered":
            return _in_order(of.expression, window)
        return _happened(of.expression, {one.rule for one in window})
    amount = _amount(of, window)
    compare = {
        "gt": amount.__gt__,
        "gte": amount.__ge__,
        "lt": amount.__lt__,
        "lte": amount.__le__,
        "eq": amount.__eq__,
        "neq": amount.__ne__,
    }
    return all(compare[bound.operator](Fraction(bound.limit)) for bound in of.bounds)


def _amount(of: Correlation, window: Sequence[Hit]) -> Fraction:
    match of.kind:
        case "event_count":
            return Fraction(len(window))
        case "value_count":
            return Fraction(len({one.value for one in window}))
        case "temporal":
            return Fraction(len({one.rule for one in window}))
        case "temporal_ordered":
            return Fraction(_longest_in_order(of.rules, window))
    values = sorted(Fraction(one.value) for one in window)
    if of.kind == "value_sum":
        return sum(values, Fraction(0))
    if of.kind == "value_avg":
        return sum(values, Fraction(0)) / len(values)
    share = Fraction(of.percentile) / 100 if of.kind == "value_percentile" else Fraction(1, 2)
    place = share * (len(values) - 1)
    below = values[int(place)]
    above = values[min(int(place) + 1, len(values) - 1)]
    return below + (above - below) * (place - int(place))


def _longest_in_order(rules: Sequence[str], window: Sequence[Hit]) -> int:
    """Every choice of rules in their order is tried, from the longest on."""
    for length in range(len(rules), 0, -1):
        if any(_one_after_another(chosen, window) for chosen in combinations(rules, length)):
            return length
    return 0


def _one_after_another(rules: Sequence[str], window: Sequence[Hit]) -> bool:
    """Whether there are hits of those rules, each of a later event than the one before."""
    if not rules:
        return True
    for place, one in enumerate(window):
        if one.rule == rules[0]:
            later = [other for other in window[place:] if other.event.id != one.event.id]
            if _one_after_another(rules[1:], later):
                return True
    return False


def _happened(term: Term, rules: set[str]) -> bool:
    if term.operator == "rule":
        return term.rule in rules
    parts = [_happened(part, rules) for part in term.parts]
    return {"not": not parts[0], "and": all(parts), "or": any(parts)}[term.operator]


def _in_order(term: Term, window: Sequence[Hit]) -> bool:
    """Whether one way to fulfil it, as rules in order, is found in the window."""
    return any(_one_after_another(way, window) for way in _ways(term, {one.rule for one in window}))


def _ways(term: Term, present: set[str]) -> list[list[str]]:
    """The sequences of rules that fulfil it; none where something negated is there."""
    match term.operator:
        case "rule":
            return [[term.rule]]
        case "not":
            part = term.parts[0]
            assert part.operator == "rule", "the tests negate rules only"
            return [] if part.rule in present else [[]]
        case "or":
            return [way for part in term.parts for way in _ways(part, present)]
    ways: list[list[str]] = [[]]
    for part in term.parts:
        ways = [way + more for way in ways for more in _ways(part, present)]
    return ways
