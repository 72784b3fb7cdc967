"""A parsed Sigma rule to predicates and a condition over them. Pure.

pySigma parses the detections, ``detections.condition`` the condition over their names; this module
writes down ours: ``All``, ``Any``, ``AtLeast``, ``Not`` and ``Item`` (one test on one field). The
tree is plain data, so it can be cached, explained and evaluated without pySigma. Logic is
two-valued: an item on a missing field is false, so its negation is true.

A selector that matches no detection (``1 of x*``) holds nothing back in pySigma; it is rejected
here by name, as are placeholders without a value.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from hashlib import sha256
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
from sigma.types import SigmaExpansion, SigmaType

from detections.condition import (
    Conjunction,
    Detection,
    Disjunction,
    Expression,
    Negation,
    Selector,
    parse_condition,
)
from detections.errors import RuleRejected
from detections.log_source import LogSource
from detections.matchers import FieldReference, Test, predicate
from detections.value_tests import field_test, keyword_test

Level = Literal["informational", "low", "medium", "high", "critical"]

# Items of one condition, those of detections that it names twice counted twice.
_MAX_ITEMS = 100_000


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


class AtLeast(msgspec.Struct, frozen=True, tag="at_least"):
    """At least ``count`` of the nodes hold, which are more than that, and ``count`` more than 1."""

    count: int
    nodes: tuple["Node", ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The node does not hold."""

    node: "Node"


Node = Item | All | Any | AtLeast | Not


class Rule(msgspec.Struct, frozen=True, kw_only=True, tag="rule"):
    """A Sigma rule, ready to be evaluated.

    Attributes:
        id: As written; where the rule has none, a digest of its text.
        name: What correlations may call it; may be empty.
        title, level, author, tags: As written; level is medium where the rule names none.
        log_source: What it is meant for; lower-case.
        written_source: What it says it is meant for, where a pipeline has changed that.
        condition: What must hold.
        revision: Digest of the rule's text, and of what pipelines and filters made of it.
        text: The YAML document.
        path: The file it was loaded from.
        filters: Ids of the filters that its condition includes.
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
    filters: tuple[str, ...] = ()
    written_source: LogSource | None = None


def compile_condition(rule: SigmaRule) -> Node:
    """The condition of a parsed rule; several conditions are alternatives.

    Raises:
        RuleRejected: The condition cannot be parsed or asks for what is not there; a placeholder
            without a value, a regular expression outside Sigma's flavor, a keyword test that makes
            no sense.
        sigma.exceptions.SigmaError: pySigma refuses a detection.
    """
    resolve = _Resolver(rule)
    written = [parse_condition(str(one.condition)) for one in rule.detection.parsed_condition]
    tree = combined(Any, map(resolve.node, written))
    if tree is None:
        raise RuleRejected("a processing pipeline leaves nothing of the condition")
    for item in items(tree):
        if not isinstance(item.test, FieldReference):
            predicate(item.test)
    return tree


class _Resolver:
    """Puts detections where a condition names them. None is what a pipeline has dropped."""

    def __init__(self, rule: SigmaRule) -> None:
        self._detections = rule.detection
        self._nodes: dict[str, Node | None] = {}
        self._sizes: dict[str, int] = {}
        self._left = _MAX_ITEMS

    def node(self, expression: Expression) -> Node | None:
        match expression:
            case Detection(name):
                return self._detection(name)
            case Negation(part):
                inner = self.node(part)
                return None if inner is None else Not(inner)
            case Conjunction(parts):
                return combined(All, map(self.node, parts))
            case Disjunction(parts):
                return combined(Any, map(self.node, parts))
            case Selector():
                return self._selected(expression)

    def _detection(self, name: str) -> Node | None:
        if name not in self._nodes:
            if name not in self._detections.detections:
                raise RuleRejected(f"condition: there is no detection {name!r}")
            found = _node(self._detections.detections[name].postprocess(self._detections))
            self._nodes[name] = found
            self._sizes[name] = 0 if found is None else sum(1 for _ in items(found))
        self._left -= self._sizes[name]
        if self._left < 0:
            raise RuleRejected(f"condition: it comes to more than {_MAX_ITEMS} tests")
        return self._nodes[name]

    def _selected(self, selector: Selector) -> Node | None:
        names = selector.chosen(self._detections.detections)
        if not names:
            raise RuleRejected(
                f"condition: it asks for detections by a pattern that matches none, "
                f"{selector.pattern!r}"
            )
        wanted = len(names) if selector.count is None else selector.count
        if wanted > len(names):
            raise RuleRejected(
                f"condition: it asks for {wanted} of {selector.pattern!r}, which are {len(names)}"
            )
        nodes = [node for name in names if (node := self._detection(name)) is not None]
        if wanted == 1:
            return combined(Any, nodes)
        if wanted >= len(nodes):
            return combined(All, nodes)
        return AtLeast(wanted, tuple(nodes))


def revision_of(text: str, meaning: bytes = b"") -> str:
    """12 hex digits for a document's text, and for what it means where that may differ."""
    digest = sha256(text.encode("utf-8", "surrogatepass"))
    if meaning:
        digest.update(sha256(meaning).digest())
    return digest.hexdigest()[:12]


def items(node: Node) -> Iterator[Item]:
    """Every item of a condition, those under a Not included."""
    match node:
        case Item():
            yield node
        case Not(inner):
            yield from items(inner)
        case All(nodes) | Any(nodes) | AtLeast(_, nodes):
            for inner in nodes:
                yield from items(inner)


def combined(kind: type[All] | type[Any], nodes: Iterable[Node | None]) -> Node | None:
    """Nodes as one, with nodes of the same kind dissolved in it; None if there are none."""
    flat: list[Node] = []
    for node in nodes:
        if isinstance(node, All | Any) and type(node) is kind:
            flat.extend(node.nodes)
        elif node is not None:
            flat.append(node)
    return flat[0] if len(flat) == 1 else kind(tuple(flat)) if flat else None


def _node(parsed: object) -> Node | None:
    match parsed:
        case ConditionAND():
            return combined(All, map(_node, parsed.args))
        case ConditionOR():
            return combined(Any, map(_node, parsed.args))
        case ConditionNOT():
            inner = _node(parsed.args[0])
            return None if inner is None else Not(inner)
        case ConditionFieldEqualsValueExpression():
            return _item(parsed.field, parsed.value)
        case ConditionValueExpression():
            return _item(None, parsed.value)
        case None:
            return None
        case _:
            raise RuleRejected(f"the condition has a {type(parsed).__name__}, which is unknown")


def _item(field: str | None, value: SigmaType) -> Node | None:
    if isinstance(value, SigmaExpansion):
        return combined(Any, [_item(field, inner) for inner in value.values])
    return Item(field, keyword_test(value) if field is None else field_test(value))


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
        case AtLeast(count, nodes):
            return _at_least(count, [condition_over(inner, number) for inner in nodes])
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


def _at_least(count: int, nodes: Sequence[Condition]) -> Condition:
    def holds(satisfied: Satisfied) -> bool:
        left = count
        for node in nodes:
            left -= node(satisfied)
            if not left:
                return True
        return False

    return holds
