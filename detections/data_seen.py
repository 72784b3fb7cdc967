"""Which log sources the data has, with which fields, and which rules it can therefore feed. Pure.

A rule lacks fields if no value of the fields that its data has could make its condition true; a
field that only an exclusion asks for is not missed. What it lacks is said of its log source as a
whole, over all kinds of events that belong to it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from detections.compiler import All, Any, AtLeast, Item, Node, Not, Rule, items
from detections.field_mapping import FieldNames
from detections.log_source import EventSources, LogSource, sources_of
from detections.matchers import FieldReference, holds_without_value
from pipeline.schema.event import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenKind:
    """Events that belong to the same log sources.

    Attributes:
        sources: What they belong to.
        names: Every field that one of them had.
        events: How many there were.
    """

    sources: EventSources
    names: frozenset[str]
    events: int

    @classmethod
    def of(cls, routing: Mapping[str, Value], names: Collection[str], events: int) -> "SeenKind":
        """From the fields that decide a log source (``log_source.ROUTING_FIELDS``)."""
        return cls(sources=sources_of(routing), names=frozenset(names), events=events)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Why no event of the data could match a rule.

    Attributes:
        fields: What it asks for and its log source never had; empty if no event was of its log
            source at all.
    """

    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen of one log source."""

    events: int
    names: FieldNames


@dataclass(slots=True)
class DataSeen:
    """Answers for rules, from the kinds of events that were seen."""

    kinds: Collection[SeenKind]
    _by_source: dict[LogSource, _Seen] = field(default_factory=dict)

    def events_of(self, source: LogSource) -> int:
        """How many events belong to a log source."""
        return self._seen(source).events

    def lacking(self, rule: Rule) -> Lacking | None:
        """Why the rule cannot match; None if it can."""
        seen = self._seen(rule.log_source)
        if not seen.events:
            return Lacking()
        can_hold, _ = _possible(rule.condition, seen.names)
        if can_hold:
            return None
        absent = _absent(rule.condition, seen.names) or {
            name
            for item in items(rule.condition)
            for name in _fields(item)
            if seen.names.find(name) is None
        }
        return Lacking(fields=tuple(sorted(absent)))

    def _seen(self, source: LogSource) -> _Seen:
        found = self._by_source.get(source)
        if found is None:
            kinds = [kind for kind in self.kinds if kind.sources.admits(source)]
            names: frozenset[str] = frozenset().union(*(kind.names for kind in kinds))
            found = _Seen(sum(kind.events for kind in kinds), FieldNames(names))
            self._by_source[source] = found
        return found


def seen_of(rows: Iterable[tuple[Mapping[str, Value], Collection[str], int]]) -> DataSeen:
    """From routing fields, field names and counts, as the store groups events."""
    merged: dict[EventSources, SeenKind] = {}
    for row in rows:
        kind = SeenKind.of(*row)
        known = merged.get(kind.sources)
        if known is not None:
            kind = SeenKind(
                sources=kind.sources,
                names=kind.names | known.names,
                events=kind.events + known.events,
            )
        merged[kind.sources] = kind
    return DataSeen(tuple(merged.values()))


def _possible(node: Node, names: FieldNames) -> tuple[bool, bool]:
    """Whether a node can hold and whether it can fail, on events with some of these fields."""
    match node:
        case Item():
            can_hold = _is_there(node, names) or holds_without_value(node.test)
            return can_hold, _is_there(node, names) or not holds_without_value(node.test)
        case Not(inner):
            can_hold, can_fail = _possible(inner, names)
            return can_fail, can_hold
        case All(nodes):
            every = [_possible(inner, names) for inner in nodes]
            return all(hold for hold, _ in every), any(fail for _, fail in every)
        case Any(nodes):
            every = [_possible(inner, names) for inner in nodes]
            return any(hold for hold, _ in every), all(fail for _, fail in every)
        case AtLeast(count, nodes):
            every = [_possible(inner, names) for inner in nodes]
            never_fail = sum(not fail for _, fail in every)
            return sum(hold for hold, _ in every) >= count, never_fail < count


def _is_there(item: Item, names: FieldNames) -> bool:
    """Whether the data has what an item looks at; keywords look at everything."""
    return not any(names.find(wanted) is None for wanted in _fields(item))


def _absent(node: Node, names: FieldNames) -> set[str]:
    """The fields that a condition asks for and the data does not have, exclusions left out."""
    match node:
        case Not():
            return set()
        case All(nodes) | Any(nodes) | AtLeast(_, nodes):
            return {name for inner in nodes for name in _absent(inner, names)}
        case Item():
            return {name for name in _fields(node) if names.find(name) is None}


def _fields(item: Item) -> tuple[str, ...]:
    if item.field is None:
        return ()
    if isinstance(item.test, FieldReference):
        return item.field, item.test.field
    return (item.field,)
