"""Why a rule did or did not match an event, item by item; for the console and for rule authors.

A plain walk of the condition, with none of the engine's shortcuts. That it never disagrees with
the engine about a verdict is a property under test.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from detections.compiler import All, Any, AtLeast, Item, Node, Not, Rule
from detections.event_texts import keyword_texts
from detections.field_mapping import FieldNames
from detections.log_source import EventSources, sources_of
from detections.matchers import (
    Cidr,
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Operator,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
    holds_without_value,
    predicate,
    refers,
    text_of,
)
from pipeline.schema.event import Scalar, Value

Kind = Literal["item", "all", "any", "some", "not"]
_SIGNS: Mapping[Operator, str] = {"lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}
# What is shown of a value; the event itself has the rest.
MAX_SEEN_CHARS = 500


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a condition and what became of it on one event.

    Attributes:
        kind: Item, or how the nodes below are put together.
        holds: Whether it holds.
        test: For an item, what was demanded, in words; for some of the nodes, how many; else empty.
        field: For an item, the field as the rule spells it; None for a keyword.
        seen: For an item, the value that was there; None where the field is missing.
        nodes: What is below it.
    """

    kind: Kind
    holds: bool
    test: str = ""
    field: str | None = None
    seen: Value | None = None
    nodes: tuple["Explanation", ...] = ()


class RuleExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule on one event.

    Attributes:
        matches: Whether the rule matches: both of what follows hold.
        log_source_holds: Whether the rule is meant for the event at all.
        condition: The condition, whether or not the rule is meant for the event.
    """

    matches: bool
    log_source_holds: bool
    condition: Explanation


def explain(
    rule: Rule, fields: Mapping[str, Value], raw: str, sources: EventSources | None = None
) -> RuleExplanation:
    """What a rule makes of an event; arguments as ``Engine.evaluate`` takes them."""
    found = sources_of(fields) if sources is None else sources
    condition = _Walk(fields, raw).node(rule.condition)
    meant = found.admits(rule.log_source)
    return RuleExplanation(
        matches=meant and condition.holds, log_source_holds=meant, condition=condition
    )


def deciding(explained: Explanation) -> Iterator[Explanation]:
    """The items that led to a node's verdict.

    Where a part decides, as the one that fails of those that all must hold, only that part's.
    An item under a Not keeps its own verdict.
    """
    if explained.kind == "item":
        yield explained
    for node in explained.nodes:
        if explained.kind == "not" or node.holds == explained.holds:
            yield from deciding(node)


class _Walk:
    """One event, ready to be held against nodes."""

    def __init__(self, fields: Mapping[str, Value], raw: str) -> None:
        self._fields = fields
        self._names = FieldNames(fields)
        self._keywords = keyword_texts(fields, raw)

    def node(self, node: Node) -> Explanation:
        match node:
            case Item():
                return self._item(node)
            case Not(inner):
                below = self.node(inner)
                return Explanation(kind="not", holds=not below.holds, nodes=(below,))
            case All(inner_nodes):
                nodes = tuple(map(self.node, inner_nodes))
                return Explanation(kind="all", holds=all(n.holds for n in nodes), nodes=nodes)
            case Any(inner_nodes):
                nodes = tuple(map(self.node, inner_nodes))
                return Explanation(kind="any", holds=any(n.holds for n in nodes), nodes=nodes)
            case AtLeast(count, inner_nodes):
                nodes = tuple(map(self.node, inner_nodes))
                holds = sum(n.holds for n in nodes) >= count
                return Explanation(kind="some", holds=holds, test=f"{count} of", nodes=nodes)

    def _item(self, item: Item) -> Explanation:
        if item.field is None:
            seen: Value | None = self._keyword(item.test)
            holds = seen is not None
        else:
            seen = self._value(item.field)
            holds = self._holds(item.test, seen)
        return Explanation(
            kind="item",
            holds=holds,
            test=in_words(item.test),
            field=item.field,
            seen=_short(seen),
        )

    def _value(self, field: str) -> Value | None:
        name = self._names.find(field)
        return None if name is None else self._fields[name]

    def _keyword(self, test: Test) -> str | None:
        holds = predicate(test)
        return next((text for text in self._keywords if holds(text)), None)

    def _holds(self, test: Test, seen: Value | None) -> bool:
        if seen is None:
            return holds_without_value(test)
        if isinstance(test, FieldReference):
            other = self._value(test.field)
            return other is not None and any(
                refers(test, text_of(left), text_of(right))
                for left in _elements(seen)
                for right in _elements(other)
            )
        return any(map(predicate(test), map(text_of, _elements(seen))))


def in_words(test: Test) -> str:
    """A test as a person would say it.

    >>> in_words(Text("endswith", "\\\\cmd.exe"))
    'ends with "\\\\cmd.exe"'
    """
    match test:
        case Text(place, text, cased):
            said = {"startswith": "starts with", "endswith": "ends with"}.get(place, place)
            return f'{said} "{text}"' + (" (case-sensitive)" if cased else "")
        case Wildcard(parts, cased):
            pattern = "".join("*" if part is None else part or "?" for part in parts)
            return f'is like "{pattern}"' + (" (case-sensitive)" if cased else "")
        case Regex(pattern, flags):
            return f"matches /{pattern}/{flags}"
        case Cidr(network):
            return f"is inside {network}"
        case Compare(operator, number):
            return f"{_SIGNS[operator]} {text_of(number)}"
        case TimePart(part, number, operator):
            return f"has {part} {_SIGNS[operator] + ' ' if operator else ''}{text_of(number)}"
        case Exists(expected):
            return "is present" if expected else "is missing"
        case IsNull():
            return "is missing or null"
        case FieldReference(field, starts, ends, cased):
            said = {(True, True): "contains", (True, False): "starts with"}.get(
                (starts, ends), "ends with" if ends else "equals"
            )
            return f"{said} the field {field}" + (" (case-sensitive)" if cased else "")


def _elements(value: Value) -> Sequence[Scalar]:
    return value if isinstance(value, list) else [value]


def _short(value: Value | None) -> Value | None:
    if isinstance(value, str) and len(value) > MAX_SEEN_CHARS:
        return value[: MAX_SEEN_CHARS - 1] + "…"
    return value
