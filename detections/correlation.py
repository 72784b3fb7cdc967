"""Sigma correlations in event time, with bounded state that a replay restores. Pure.

Done: ``event_count`` and ``value_count`` with ``gte`` or ``gt`` over one or more rules,
``group-by`` and ``aliases``. Not done, and rejected by name when loaded: temporal kinds, sums and
averages, chains of correlations, and ``lt``, ``lte``, ``eq``, ``neq``, which can be decided only
when a window closes.

Meaning, where the specification leaves it open: the window slides in event time and both its ends
belong to it; a correlation fires when its threshold is crossed and is quiet for one timespan after
(before it, for what arrives late); a hit without one of the group's fields belongs to no group.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

import msgspec
from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationConditionOperator,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)

from detections.errors import RuleRejected
from detections.field_mapping import FieldNames
from detections.matchers import text_of
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Value, uuid8

# An alert names at most so many events (pipeline.schema.alert).
MAX_ALERT_EVENTS = 1_000
_MAX_THRESHOLD = 10_000
# How many firings a group remembers, so that what arrives late does not fire anew.
_REMEMBERED_FIRINGS = 8

Kind = Literal["event_count", "value_count"]

_KINDS: Mapping[SigmaCorrelationType, Kind] = {
    SigmaCorrelationType.EVENT_COUNT: "event_count",
    SigmaCorrelationType.VALUE_COUNT: "value_count",
}


class Correlation(msgspec.Struct, frozen=True, kw_only=True, tag="correlation"):
    """A Sigma correlation, ready to be fed hits.

    Attributes:
        id, name, title, level, author, tags, revision, text, path: As a rule has them.
        kind: What is counted: hits, or distinct values of ``value_field``.
        rules: Ids or names of the rules whose hits count.
        group_by: Fields whose values make a group; empty: one group.
        aliases: For an alias among them, the field it means, by rule.
        timespan_ms: Width of the window.
        threshold: How many of what is counted fire it.
        value_field: For value_count, whose values; else empty.
        generate: Whether the rules that it names alert by themselves too.
    """

    id: str
    name: str
    title: str
    level: str
    author: str
    tags: tuple[str, ...]
    kind: Kind
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    timespan_ms: int
    threshold: int
    value_field: str
    generate: bool
    revision: str
    text: str
    path: str = ""


def compile_correlation(written: Mapping[str, object], *, revision: str, text: str) -> Correlation:
    """A correlation from its document.

    Raises:
        RuleRejected: It is of a kind that is not evaluated.
        sigma.exceptions.SigmaError: pySigma refuses it.
    """
    parsed = SigmaCorrelationRule.from_dict(dict(written))
    kind = _KINDS.get(parsed.type)
    if kind is None:
        raise RuleRejected(f"{parsed.type.name.lower()} correlations are not evaluated yet")
    condition = parsed.condition
    if not isinstance(condition, SigmaCorrelationCondition):
        raise RuleRejected("a condition over rules is not evaluated yet")
    return Correlation(
        id=str(parsed.id) if parsed.id else str(uuid8(sha256(text.encode()).digest())),
        name=parsed.name or "",
        title=parsed.title,
        level=parsed.level.name.lower() if parsed.level else "medium",
        author=parsed.author or "",
        tags=tuple(str(tag) for tag in parsed.tags),
        kind=kind,
        rules=tuple(reference.reference for reference in parsed.rules or ()),
        group_by=tuple(parsed.group_by or ()),
        aliases=_aliases(parsed),
        timespan_ms=int(parsed.timespan.seconds) * 1_000,
        threshold=_threshold(condition, written),
        value_field=_value_field(condition),
        generate=bool(parsed.generate),
        revision=revision,
        text=text,
    )


def _threshold(condition: SigmaCorrelationCondition, written: Mapping[str, object]) -> int:
    """The count that fires; pySigma has cut fractions off, so the document is asked."""
    match condition.op:
        case SigmaCorrelationConditionOperator.GTE:
            threshold = condition.count
        case SigmaCorrelationConditionOperator.GT:
            threshold = condition.count + 1
        case operator:
            raise RuleRejected(
                f"{operator.name.lower()} can be decided only when a window closes, "
                "which is not evaluated yet; use gte or gt"
            )
    said = written["correlation"]["condition"][condition.op.name.lower()]  # type: ignore[index]
    if not isinstance(said, int) or not 1 <= threshold <= _MAX_THRESHOLD:
        raise RuleRejected(f"a count of {said!r} is not a whole number from 1 to {_MAX_THRESHOLD}")
    return threshold


def _value_field(condition: SigmaCorrelationCondition) -> str:
    if condition.fieldref is None or isinstance(condition.fieldref, str):
        return condition.fieldref or ""
    raise RuleRejected("counting the values of several fields is not evaluated yet")


def _aliases(parsed: SigmaCorrelationRule) -> dict[str, dict[str, str]]:
    return {
        alias.alias: {reference.reference: name for reference, name in alias.mapping.items()}
        for alias in parsed.aliases
    }


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """An event that counts for a group of a correlation; a record of ``detections.hits``.

    Attributes:
        correlation: Id of the correlation.
        group: Its group-by fields and their values.
        value: For value_count, the value that counts; else empty.
        event: The event.
    """

    correlation: str
    group: Mapping[str, str]
    value: str
    event: EventPosition

    @property
    def key(self) -> tuple[str, ...]:
        """Which group of which correlation."""
        return (self.correlation, *(f"{name}={self.group[name]}" for name in sorted(self.group)))


@dataclass(frozen=True, slots=True)
class Firing:
    """A correlation whose threshold was crossed.

    Attributes:
        correlation: Which.
        group: For which group.
        events: What caused it, the completing event last; at most ``MAX_ALERT_EVENTS``.
        event_count: How many events were in the window.
    """

    correlation: Correlation
    group: Mapping[str, str]
    events: Sequence[EventPosition]
    event_count: int


class HitFinder:
    """Which correlations a rule's match counts for."""

    def __init__(self, correlations: Iterable[Correlation]) -> None:
        self._by_reference: dict[str, list[Correlation]] = {}
        for correlation in correlations:
            for reference in correlation.rules:
                self._by_reference.setdefault(reference, []).append(correlation)

    def is_silent(self, rule_id: str, rule_name: str) -> bool:
        """Whether a rule only counts for correlations and does not alert by itself."""
        found = self._of(rule_id, rule_name)
        return any(True for _ in found) and not any(
            correlation.generate for _, correlation in self._of(rule_id, rule_name)
        )

    def hits(
        self, rule_id: str, rule_name: str, fields: Mapping[str, Value], event: EventPosition
    ) -> Iterator[Hit]:
        """What a match counts for; nothing where a field of the group is missing."""
        names: FieldNames | None = None
        for reference, correlation in self._of(rule_id, rule_name):
            names = names or FieldNames(fields)
            group = {
                wanted: _value(
                    fields, names, correlation.aliases.get(wanted, {}).get(reference, wanted)
                )
                for wanted in correlation.group_by
            }
            value = _value(fields, names, correlation.value_field)
            if None in group.values() or (correlation.value_field and value is None):
                continue
            yield Hit(
                correlation=correlation.id,
                group={name: found for name, found in group.items() if found is not None},
                value=value or "",
                event=event,
            )

    def _of(self, rule_id: str, rule_name: str) -> Iterator[tuple[str, Correlation]]:
        for reference in dict.fromkeys(name for name in (rule_id, rule_name) if name):
            for correlation in self._by_reference.get(reference, ()):
                yield reference, correlation


def _value(fields: Mapping[str, Value], names: FieldNames, wanted: str) -> str | None:
    name = names.find(wanted)
    if name is None:
        return None
    value = fields[name]
    if isinstance(value, list):
        return ", ".join(map(text_of, value))
    return text_of(value)


# What a window holds of an event, ordered by time: (time in ms, event id, value, event).
_Entry = tuple[int, str, str, EventPosition]


@dataclass(slots=True)
class _Group:
    """One group's recent hits in event-time order, and when it fired."""

    entries: list[_Entry] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    fired_ms: list[int] = field(default_factory=list)


class Correlator:
    """The windows of every correlation; fed hits, it says when one fires.

    Args:
        correlations: What to follow; hits of others are ignored.
        max_groups: Groups followed at a time, of all correlations.
        max_events: Hits remembered at a time, of all groups.
        max_group_events: Hits remembered per group, or the threshold if that is more.
    """

    def __init__(
        self,
        correlations: Iterable[Correlation],
        *,
        max_groups: int,
        max_events: int,
        max_group_events: int = MAX_ALERT_EVENTS,
    ) -> None:
        self._correlations = {correlation.id: correlation for correlation in correlations}
        self._max_groups = max_groups
        self._max_events = max_events
        self._max_group_events = max_group_events
        self._groups: OrderedDict[tuple[str, ...], _Group] = OrderedDict()
        self.event_count = 0
        self.evictions = 0

    @property
    def group_count(self) -> int:
        """How many groups are followed."""
        return len(self._groups)

    @property
    def longest_timespan_ms(self) -> int:
        """The widest window of all; 0 without correlations."""
        return max((found.timespan_ms for found in self._correlations.values()), default=0)

    def observe(self, hit: Hit) -> Firing | None:
        """Count a hit; the firing that it, or an event it precedes, completes.

        An event counts once, however often it is observed.
        """
        correlation = self._correlations.get(hit.correlation)
        if correlation is None:
            return None
        group = self._insert(hit, correlation)
        firing = self._completed(group, correlation, hit)
        self._make_room(hit)
        return firing

    def restore(self, hit: Hit) -> None:
        """Count a hit of before a restart, without firing."""
        correlation = self._correlations.get(hit.correlation)
        if correlation is not None:
            self._insert(hit, correlation)
            self._make_room(hit)

    def restore_firing(self, hit: Hit) -> None:
        """Note that a group fired on an event before a restart, so that it is quiet after it."""
        if hit.correlation in self._correlations:
            _note_firing(self._groups.setdefault(hit.key, _Group()), _milliseconds(hit.event))

    def carry_over(self, other: "Correlator") -> None:
        """Take another correlator's groups, of correlations that this one follows as well."""
        for key, group in other._groups.items():
            before, now = other._correlations.get(key[0]), self._correlations.get(key[0])
            if now is not None and before is not None and before.revision == now.revision:
                self._groups[key] = group
                self.event_count += len(group.entries)

    def _insert(self, hit: Hit, correlation: Correlation) -> _Group:
        group = self._groups.setdefault(hit.key, _Group())
        self._groups.move_to_end(hit.key)
        if hit.event.id in group.ids:
            return group
        insort(group.entries, (_milliseconds(hit.event), hit.event.id, hit.value, hit.event))
        group.ids.add(hit.event.id)
        self.event_count += 1
        # What arrives one timespan late still finds the window it belongs to.
        horizon = group.entries[-1][0] - 2 * correlation.timespan_ms
        surplus = len(group.entries) - max(self._max_group_events, correlation.threshold)
        expired = bisect_left(group.entries, (horizon, ""))
        for entry in group.entries[: max(expired, surplus)]:
            group.ids.discard(entry[1])
            self.event_count -= 1
        del group.entries[: max(expired, surplus, 0)]
        return group

    def _completed(self, group: _Group, correlation: Correlation, hit: Hit) -> Firing | None:
        moment = _milliseconds(hit.event)
        span = correlation.timespan_ms
        first = bisect_left(group.entries, (moment, hit.event.id))
        for last in range(first, len(group.entries)):
            end = group.entries[last][0]
            if end > moment + span:
                break
            if any(abs(end - fired) <= span for fired in group.fired_ms):
                continue
            begin = bisect_left(group.entries, (end - span, ""))
            window = group.entries[begin : last + 1]
            if _count(window, correlation.kind) >= correlation.threshold:
                _note_firing(group, end)
                events = [entry[3] for entry in window[-MAX_ALERT_EVENTS:]]
                return Firing(correlation, hit.group, events, len(window))
        return None

    def _make_room(self, hit: Hit) -> None:
        """Let the groups go that were longest without a hit; those in use are counted."""
        while self.event_count > self._max_events or len(self._groups) > self._max_groups:
            key, group = self._groups.popitem(last=False)
            self.event_count -= len(group.entries)
            span = self._correlations[key[0]].timespan_ms
            newest = group.entries[-1][0] if group.entries else 0
            if abs(_milliseconds(hit.event) - newest) <= 2 * span:
                self.evictions += 1


def _count(window: Sequence[_Entry], kind: Kind) -> int:
    return len(window) if kind == "event_count" else len({entry[2] for entry in window})


def _note_firing(group: _Group, moment_ms: int) -> None:
    group.fired_ms.append(moment_ms)
    del group.fired_ms[:-_REMEMBERED_FIRINGS]


def _milliseconds(event: EventPosition) -> int:
    return int(event.time.timestamp() * 1_000)
