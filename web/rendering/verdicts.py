"""What a rule made of an event, bounded and in words. Pure."""

from dataclasses import dataclass

from detections.compiler import Rule
from detections.explain import Explanation, RuleExplanation
from detections.log_source import EventSources
from pipeline.schema.event import Value

MAX_NODES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A node of a condition as it is drawn.

    Attributes:
        kind, holds, test, field: As an explanation has them.
        seen: The value in one line; None where the event has none.
        nodes: At most ``MAX_NODES`` of what is below, in its order; true ones are kept first.
        left_out: How many more there are.
    """

    kind: str
    holds: bool
    test: str
    field: str | None
    seen: str | None
    nodes: tuple["Branch", ...]
    left_out: int


def branch_of(found: Explanation) -> Branch:
    """An explanation, with the nodes that a person cannot read any more left out.

    Nodes keep their order. Where there are too many, the false ones at the end go first.
    """
    holding = sum(node.holds for node in found.nodes)
    room = max(MAX_NODES - holding, 0)
    nodes: list[Branch] = []
    for node in found.nodes:
        if node.holds and len(nodes) < MAX_NODES:
            nodes.append(branch_of(node))
        elif not node.holds and room:
            room -= 1
            nodes.append(branch_of(node))
    return Branch(
        kind=found.kind,
        holds=found.holds,
        test=found.test,
        field=found.field,
        seen=_seen(found.seen),
        nodes=tuple(nodes),
        left_out=len(found.nodes) - len(nodes),
    )


def sentence(rule: Rule, result: RuleExplanation, sources: EventSources) -> str:
    """Why a verdict is what it is."""
    if result.matches:
        return "Its log source fits, and its condition is true."
    if result.log_source_holds:
        return "Its log source fits, but its condition is false."
    source = rule.log_source
    wanted = " ".join(part for part in (source.product, source.category, source.service) if part)
    had = " ".join(
        name
        for names in (sources.products, sources.categories, sources.services)
        for name in sorted(names)
    )
    condition = "true" if result.condition.holds else "false too"
    return (
        f"It reads only {wanted}; the event is {had or 'of no known log source'}."
        f" The condition by itself is {condition}."
    )


def _seen(value: Value | None) -> str | None:
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
