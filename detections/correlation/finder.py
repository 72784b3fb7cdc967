"""Which hits a rule's match gives, and a correlation's firing. Pure.

An event that lacks a field of the group belongs to no group, and one without the value to be
measured has nothing to measure; neither counts, and both are counted as dropped.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from detections.correlation.definition import NUMERIC, TEMPORAL, Correlation
from detections.correlation.hit import MAX_CARRIED_EVENTS, Firing, Hit, bounded
from detections.correlation.links import Links, Use, field_of
from detections.correlation.quantity import number_of
from detections.field_mapping import FieldNames
from detections.matchers import text_of
from pipeline.schema.alert import EventPosition
from pipeline.schema.event import Value

_Ask = Callable[[str], str | None]
# Values of one event are told apart by more than any text could hold by chance.
_BETWEEN = "\x1f"


class HitFinder:
    """Finds hits, and counts what gave none.

    Attributes:
        dropped: How many matches did not count, by id of the correlation and reason.
    """

    def __init__(self, links: Links) -> None:
        self._links = links
        self.dropped: Counter[tuple[str, str]] = Counter()

    def of_match(
        self,
        rule_id: str,
        name: str,
        fields: Mapping[str, Value],
        event: EventPosition,
        *,
        time_us: int,
        received_us: int,
        about: Callable[[], "About"],
    ) -> Iterator[Hit]:
        """What a rule's match counts for.

        Args:
            rule_id, name: The rule's.
            fields: The event's.
            event: Where it lies.
            time_us: When it happened, as correlations take it.
            received_us: When it counts as received.
            about: What an alert will say of the event; asked only if there is a hit.
        """
        ask: _Ask | None = None
        for use in self._links.uses(rule_id, name):
            ask = ask or _asking(fields)
            found = self._counted(use, ask)
            if found is not None:
                group, value = found
                said = about()
                yield Hit(
                    correlation=use.correlation.id,
                    revision=use.correlation.revision,
                    group=group,
                    rule=_rule(use),
                    value=value,
                    time_us=time_us,
                    received_us=received_us,
                    event=event,
                    carried=self._carried(use.correlation, ask),
                    matched=said.matched,
                    entity=said.entity,
                    source=said.source,
                )

    def of_firing(self, firing: Firing) -> Iterator[Hit]:
        """What a firing counts for: its time is when it was decided, its event the completing one.

        Fields are those of its group, then those of the completing event.
        """
        completing = firing.completing
        known = {**completing.carried, **firing.group}
        for use in self._links.uses(firing.correlation.id, firing.correlation.name):
            found = self._counted(use, known.get)
            if found is not None:
                group, value = found
                yield Hit(
                    correlation=use.correlation.id,
                    revision=use.correlation.revision,
                    group=group,
                    rule=_rule(use),
                    value=value,
                    time_us=firing.decided_us,
                    received_us=firing.received_us,
                    event=completing.event,
                    events=tuple(firing.events[-MAX_CARRIED_EVENTS:]),
                    count=firing.event_count,
                    carried=self._carried(use.correlation, known.get),
                    matched=completing.matched,
                    entity=completing.entity,
                    source=completing.source,
                )

    def _counted(self, use: Use, ask: _Ask) -> tuple[dict[str, str], str] | None:
        """Group and value of an event for one of its uses; None if it does not count."""
        correlation = use.correlation
        group = {name: ask(field_of(use, name)) for name in correlation.group_by}
        if None in group.values():
            self.dropped[correlation.id, "no group"] += 1
            return None
        values = [ask(field_of(use, name)) for name in correlation.value_fields]
        whole = [value for value in values if value is not None]
        if len(whole) < len(values) or (
            correlation.kind in NUMERIC and number_of(whole[0]) is None
        ):
            self.dropped[correlation.id, "no value"] += 1
            return None
        return {name: value for name, value in group.items() if value is not None}, _BETWEEN.join(
            whole
        )

    def _carried(self, correlation: Correlation, ask: _Ask) -> dict[str, str]:
        asked = ((name, ask(name)) for name in self._links.carried[correlation.id])
        return {name: value for name, value in asked if value is not None}


class About:
    """What an alert says of the event that completes it.

    Attributes:
        matched: Fields that made the rule match, briefly.
        entity: What a person would name the event by.
        source: Where it came from.
    """

    __slots__ = ("entity", "matched", "source")

    def __init__(
        self, matched: Mapping[str, Value] | None = None, entity: str = "", source: str = ""
    ) -> None:
        self.matched = matched or {}
        self.entity = entity
        self.source = source


def _asking(fields: Mapping[str, Value]) -> _Ask:
    names = FieldNames(fields)

    def ask(wanted: str) -> str | None:
        name = names.find(wanted)
        if name is None:
            return None
        value = fields[name]
        return bounded(
            ", ".join(map(text_of, value)) if isinstance(value, list) else text_of(value)
        )

    return ask


def _rule(use: Use) -> str:
    """The rule by which a temporal kind tells its hits apart; others only count events."""
    return use.reference if use.correlation.kind in TEMPORAL else ""
