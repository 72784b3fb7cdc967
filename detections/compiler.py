"""A parsed Sigma rule to predicates and a condition over them. Pure.

pySigma parses; this module walks its condition tree once and writes down ours: ``All``, ``Any``,
``Not`` and ``Item`` (one test on one field). The tree is plain data, so it can be cached, explained
and evaluated without pySigma. Logic is two-valued: an item on a missing field is false, so its
negation is true.

Guards against what pySigma 1.5 gets wrong: a selector that matches no detection (``1 of x*``)
parses to nothing, and a detection called ``notepad`` parses to the negation of ``epad``; both are
rejected here by name, as are unresolved placeholders.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Literal

import msgspec
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.rule import SigmaRule
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from detections.errors import RuleRejected
from detections.log_source import LogSource
from detections.matchers import (
    Cidr,
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Operator,
    Part,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
    predicate,
    text_of,
)

Level = Literal["informational", "low", "medium", "high", "critical"]

_MISREAD = re.compile(r"\bnot[\w*-]+")
_FLAGS: Mapping[SigmaRegularExpressionFlag, str] = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


class Item(msgspec.Struct, frozen=True, tag="item"):
    """One test on one field; ``field`` None is a keyword: any value of the event."""

    field: str | None
    test: Test


class All(msgspec.Struct, frozen=True, tag="all"):
    """Every node holds; an empty one always does."""

    nodes: tuple["Node", ...]


class Any(msgspec.Struct, frozen=True, tag="any"):
    """At least one node holds."""

    nodes: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The node does not hold."""

    node: "Node"


Node = Item | All | Any | Not


class Rule(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """A Sigma rule, ready to be evaluated.

    Attributes:
        id: As written; where the rule has none, a digest of its text.
        name: What correlations may call it; may be empty.
        title, level, author, tags: As written; level is medium where the rule names none.
        log_source: What it is meant for; lower-case.
        condition: What must hold.
        revision: Digest of the rule's text, 12 hex digits.
        text: The YAML document.
        path: The file it was loaded from.
    """

    id: str
    name: str
    title: str
    level: Level
    author: str
    tags: tuple[str, ...]
    log_source: LogSource
    condition: Node
    revision: str
    text: str
    path: str = ""


def compile_condition(rule: SigmaRule) -> Node:
    """The condition of a parsed rule; several conditions are alternatives.

    Raises:
        RuleRejected: A placeholder, an empty selector, a regular expression outside Sigma's
            flavor, a keyword test that makes no sense.
        sigma.exceptions.SigmaError: The condition cannot be parsed.
    """
    for condition in rule.detection.condition:
        if (word := _MISREAD.search(condition)) is not None:
            raise RuleRejected(
                f"condition: {word[0]!r} would be read as a negation; rename the detection"
            )
    nodes = [_node(condition.parsed) for condition in rule.detection.parsed_condition]
    tree = nodes[0] if len(nodes) == 1 else _flat(Any, nodes)
    for item in items(tree):
        if not isinstance(item.test, FieldReference):
            predicate(item.test)
    return tree


def items(node: Node) -> Iterator[Item]:
    """Every item of a condition, those under a Not included."""
    match node:
        case Item():
            yield node
        case Not(inner):
            yield from items(inner)
        case All(nodes) | Any(nodes):
            for inner in nodes:
                yield from items(inner)


def _node(parsed: object) -> Node:
    match parsed:
        case ConditionAND():
            return _flat(All, [_node(argument) for argument in parsed.args])
        case ConditionOR():
            return _flat(Any, [_node(argument) for argument in parsed.args])
        case ConditionNOT():
            return Not(_node(parsed.args[0]))
        case ConditionFieldEqualsValueExpression():
            return _item(parsed.field, parsed.value)
        case ConditionValueExpression():
            return _item(None, parsed.value)
        case None:
            raise RuleRejected("the condition asks for detections by a pattern that matches none")
        case _:
            raise RuleRejected(f"the condition has a {type(parsed).__name__}, which is unknown")


def _flat(kind: type[All] | type[Any], nodes: Sequence[Node]) -> Node:
    """A node of that kind, with nodes of the same kind dissolved in it."""
    flat: list[Node] = []
    for node in nodes:
        if isinstance(node, All | Any) and type(node) is kind:
            flat.extend(node.nodes)
        else:
            flat.append(node)
    return kind(tuple(flat))


def _item(field: str | None, value: SigmaType) -> Node:
    if isinstance(value, SigmaExpansion):
        return _flat(Any, [_item(field, inner) for inner in value.values])
    return Item(field, _keyword_test(value) if field is None else _test(value))


def _test(value: SigmaType) -> Test:
    match value:
        case SigmaString():
            return _string_test(_parts(value), cased=isinstance(value, SigmaCasedString))
        case SigmaTimestampPart():
            part: Part = value.timestamp_part.name.lower()  # type: ignore[assignment]
            return TimePart(part, int(value.number))
        case SigmaNumber():
            return Text("equals", text_of(value.number))
        case SigmaBool():
            return Text("equals", text_of(value.boolean))
        case SigmaNull():
            return IsNull()
        case SigmaExists():
            return Exists(value.exists)
        case SigmaCIDRExpression():
            return Cidr(str(value.network))
        case SigmaCompareExpression():
            operator: Operator = value.op.name.lower()  # type: ignore[assignment]
            return Compare(operator, _number(value.number))
        case SigmaFieldReference():
            return FieldReference(value.field, value.starts_with, value.ends_with)
        case SigmaRegularExpression():
            return _regex(value)
        case _:
            raise RuleRejected(f"a {type(value).__name__} value cannot be matched on an event")


def _keyword_test(value: SigmaType) -> Test:
    """A keyword is found anywhere in a value (specification, "Keywords")."""
    match value:
        case SigmaString():
            cased = isinstance(value, SigmaCasedString)
            return _string_test((None, *_parts(value), None), cased=cased)
        case SigmaTimestampPart():
            raise RuleRejected("a keyword cannot be a time")
        case SigmaNumber():
            return Text("contains", text_of(value.number))
        case SigmaBool():
            return Text("contains", text_of(value.boolean))
        case SigmaRegularExpression():
            return _regex(value)
        case _:
            raise RuleRejected(f"a keyword cannot be a {type(value).__name__}")


def _number(value: object) -> int | float:
    number = value.number if isinstance(value, SigmaNumber) else value
    if not isinstance(number, int | float):
        raise RuleRejected(f"{value!r} is not a number to compare with")
    return number


def _regex(value: SigmaRegularExpression) -> Regex:
    if any(isinstance(part, Placeholder) for part in value.regexp.s):
        raise RuleRejected(f"placeholder in the regular expression {value.regexp} has no value")
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    return Regex(value.regexp.original, flags)


def _parts(value: SigmaString) -> tuple[str | None, ...]:
    """The pieces of a string: text, None for ``*``, an empty string for ``?``."""
    parts: list[str | None] = []
    for part in value.s:
        if isinstance(part, Placeholder):
            raise RuleRejected(f"placeholder %{part.name}% has no value")
        if part is SpecialChars.WILDCARD_SINGLE:
            parts.append("")
        elif part is SpecialChars.WILDCARD_MULTI:
            parts.append(None)
        elif part:
            parts.append(str(part))
    return tuple(parts)


def _string_test(parts: tuple[str | None, ...], *, cased: bool) -> Test:
    """The simplest test for a string of literals and wildcards."""
    merged: list[str | None] = []
    for part in parts:
        if part is not None or not merged or merged[-1] is not None:
            merged.append(part if cased or part is None else part.lower())
    match merged:
        case []:
            return Text("equals", "", cased)
        case [None]:
            return Text("contains", "", cased)
        case [str(text)] if text:
            return Text("equals", text, cased)
        case [str(text), None] if text:
            return Text("startswith", text, cased)
        case [None, str(text)] if text:
            return Text("endswith", text, cased)
        case [None, str(text), None] if text:
            return Text("contains", text, cased)
        case _:
            return Wildcard(tuple(merged), cased)


Satisfied = Set[int]
Condition = Callable[[Satisfied], bool]


def condition_over(node: Node, number: Callable[[Item], int]) -> Condition:
    """A function from the numbers of the items that hold to whether the condition does.

    Args:
        node: The condition.
        number: The number of an item.
    """
    match node:
        case Item():
            return _holds(number(node))
        case Not(inner):
            negated = condition_over(inner, number)
            return lambda satisfied: not negated(satisfied)
        case All(nodes) | Any(nodes):
            own = frozenset(number(inner) for inner in nodes if isinstance(inner, Item))
            rest = tuple(
                condition_over(inner, number) for inner in nodes if not isinstance(inner, Item)
            )
            return _all(own, rest) if isinstance(node, All) else _any(own, rest)


def _holds(number: int) -> Condition:
    return lambda satisfied: number in satisfied


def _all(own: frozenset[int], rest: tuple[Condition, ...]) -> Condition:
    if not rest:
        return own.issubset
    return lambda satisfied: own <= satisfied and all(inner(satisfied) for inner in rest)


def _any(own: frozenset[int], rest: tuple[Condition, ...]) -> Condition:
    if not rest:
        return lambda satisfied: not own.isdisjoint(satisfied)
    return lambda satisfied: (
        not own.isdisjoint(satisfied) or any(inner(satisfied) for inner in rest)
    )
