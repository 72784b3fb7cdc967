"""A search's tree to a WHERE over ``events``. Pure.

Every value is bound, none is written into the SQL. Words go to the text index, which answers
``hasAllTokens`` and one-word ``ILIKE '%…%'`` without reading the text; users and addresses have
bloom filters on ``lower(…)``; the keys of ``attributes`` and ``lists`` have one, so that a search
for a rare field reads only where it occurs. An exact check follows wherever an index says more
than was asked.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address

from pipeline.schema.fields import BY_NAME, LOGSOURCE_SERVICE, MESSAGE
from pipeline.store.search_language.tree import (
    ID,
    NUMBER,
    RAW,
    SOURCE,
    And,
    Compares,
    Equals,
    Everything,
    Exists,
    InNetwork,
    Matches,
    Node,
    Not,
    Or,
    Text,
    TextPattern,
    lower,
    words,
)

_TEXTS = {None: "text", MESSAGE: "message", RAW: "raw"}
# From one value's SQL to a test of it.
Test = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition over ``events``.

    Attributes:
        sql: With ``{name:Type}`` where values go; always in brackets or a call.
        parameters: The values.
    """

    sql: str
    parameters: dict[str, object]


def where(tree: Node) -> Where:
    """The condition that holds for the events the search means.

    >>> where(Text("Failed"))
    Where(sql='hasAllTokens(text, {q0:Array(String)})', parameters={'q0': ['failed']})
    """
    writer = _Writer()
    sql = writer.write(tree)
    return Where(sql, writer.parameters)


class _Writer:
    def __init__(self) -> None:
        self.parameters: dict[str, object] = {}

    def write(self, node: Node) -> str:
        match node:
            case Everything():
                return "(1 = 1)"
            case And(parts):
                return f"({' AND '.join(map(self.write, parts))})"
            case Or(parts):
                return f"({' OR '.join(map(self.write, parts))})"
            case Not(part):
                return f"(NOT {self.write(part)})"
            case Text() | TextPattern():
                return self._text(node)
            case Exists(field) if field == ID:
                return "(1 = 1)"
            case Exists(field) if field in _TEXTS:
                return f"({_TEXTS[field]} != '')"
            case Equals(field, text) if field == ID:
                return f"(id = toUUID({self._bind(text, 'String')}))"
            case _:
                return self._any_value(node.field, self._test(node))

    def _text(self, node: Text | TextPattern) -> str:
        column = _TEXTS[node.field]
        if isinstance(node, TextPattern):
            return self._text_pattern(node, column)
        found = words(node.text)
        tokens = self._bind(found, "Array(String)")
        conditions = [f"hasAllTokens(text, {tokens})"]
        if column != "text":
            conditions.append(f"hasAll(tokens(lower({column}), 'splitByNonAlpha'), {tokens})")
        if [lower(node.text)] != found:
            literal = self._bind(node.text, "String")
            conditions.append(f"positionCaseInsensitive({column}, {literal}) > 0")
        return conditions[0] if len(conditions) == 1 else f"({' AND '.join(conditions)})"

    def _text_pattern(self, node: TextPattern, column: str) -> str:
        literal = self._bind(f"%{node.pattern.longest_literal()}%", "String")
        pattern = self._bind(node.pattern.like(), "String")
        return (
            f"(text ILIKE {literal} AND arrayExists(word -> word LIKE {pattern},"
            f" tokens(lower({column}), 'splitByNonAlpha')))"
        )

    def _test(self, node: Exists | Equals | Matches | Compares | InNetwork) -> Test:
        """What a single value must pass."""
        match node:
            case Exists():
                return lambda value: f"{value} != ''"
            case Equals(_, text):
                wanted = self._bind(lower(text), "String")
                return lambda value: f"lower({value}) = {wanted}"
            case Matches(_, pattern):
                like = self._bind(pattern.like(), "String")
                return lambda value: f"({value} != '' AND lower({value}) LIKE {like})"
            case Compares(_, comparison, number):
                return self._comparison(comparison, number)
            case InNetwork():
                return self._network(node)

    def _comparison(self, comparison: str, number: float) -> Test:
        bound = self._bind(number, "Float64")
        is_number = self._bind(f"^{NUMBER}$", "String")
        return lambda value: (
            f"(match({value}, {is_number}) AND toFloat64OrZero({value}) {comparison} {bound})"
        )

    def _network(self, node: InNetwork) -> Test:
        first, last = node.network[0], node.network[-1]
        if isinstance(node.network, IPv4Network):
            first, last = (IPv6Address(f"::ffff:{end}") for end in (first, last))
        low, high = self._bind(str(first), "IPv6"), self._bind(str(last), "IPv6")
        return lambda value: (
            f"((isIPv4String({value}) OR isIPv6String({value}))"
            f" AND toIPv6OrDefault({value}) BETWEEN {low} AND {high})"
        )

    def _any_value(self, field: str, test: Test) -> str:
        """The test for the field's value, or for one of them if it is a list."""
        if field == SOURCE:
            return f"({test('source')})"
        name = self._bind(field, "String")
        if field == LOGSOURCE_SERVICE:
            return f"arrayExists(one -> {test('one')}, service)"
        in_list = (
            f"(mapContains(lists, {name}) AND arrayExists(one -> {test('one')}, lists[{name}]))"
        )
        known = BY_NAME.get(field)
        if known is not None and known.column is not None:
            return f"({test(known.column)} OR {in_list})"
        scalar = f"(mapContains(attributes, {name}) AND {test(f'attributes[{name}]')})"
        return f"({scalar} OR {in_list})"

    def _bind(self, value: object, kind: str) -> str:
        """A placeholder for a value."""
        name = f"q{len(self.parameters)}"
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"
