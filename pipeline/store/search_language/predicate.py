"""A search's tree to a test on events, for the live tail. Pure.

It agrees with ``where`` on every event: tests/property/test_search_language.py runs both.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Address, ip_address

from pipeline.schema.event import Event
from pipeline.schema.fields import MESSAGE
from pipeline.store.event_rows import scalar_text
from pipeline.store.search_language.tree import (
    ID,
    NUMBER,
    RAW,
    SOURCE,
    TEXT_FIELDS,
    And,
    Compares,
    Comparison,
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

Predicate = Callable[[Event], bool]
_NUMBER = re.compile(NUMBER)
_WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")


def predicate(tree: Node) -> Predicate:
    """The test that holds for the events the search means."""
    match tree:
        case Everything():
            return lambda event: True
        case And(parts):
            tests = [predicate(part) for part in parts]
            return lambda event: all(test(event) for test in tests)
        case Or(parts):
            tests = [predicate(part) for part in parts]
            return lambda event: any(test(event) for test in tests)
        case Not(part):
            test = predicate(part)
            return lambda event: not test(event)
        case Text() | TextPattern():
            return _text(tree)
        case Exists(field) if field in TEXT_FIELDS:
            return lambda event: bool(_text_of(event, field))
        case _:
            return _any_value(tree.field, _test(tree))


def _text(node: Text | TextPattern) -> Predicate:
    if isinstance(node, TextPattern):
        pattern = re.compile(node.pattern.expression().encode(), re.DOTALL)
        return lambda event: any(
            pattern.fullmatch(word) for word in _WORD.findall(_text_of(event, node.field))
        )
    wanted = {word.encode() for word in words(node.text)}
    literal = lower(node.text).encode("utf-8", "replace")

    def test(event: Event) -> bool:
        text = _text_of(event, node.field)
        return literal in text and wanted.issubset(_WORD.findall(text))

    return test


def _text_of(event: Event, field: str | None) -> bytes:
    """Message, raw or both, in lower case."""
    if field == RAW:
        return event.raw.lower()
    message = event.fields.get(MESSAGE, "")
    text = b"" if isinstance(message, list) else scalar_text(message).encode("utf-8", "replace")
    return text.lower() if field == MESSAGE else text.lower() + b"\n" + event.raw.lower()


def _test(node: Exists | Equals | Matches | Compares | InNetwork) -> Callable[[str], bool]:
    """What a single value, which is not empty, must pass."""
    match node:
        case Exists():
            return lambda value: True
        case Equals(_, text):
            wanted = lower(text)
            return lambda value: lower(value) == wanted
        case Matches(_, pattern):
            expression = re.compile(pattern.expression(), re.DOTALL)
            return lambda value: expression.fullmatch(lower(value)) is not None
        case Compares(_, comparison, number):
            return lambda value: (
                bool(_NUMBER.fullmatch(value)) and _compare(float(value), comparison, number)
            )
        case InNetwork():
            return _network(node)


def _compare(value: float, comparison: Comparison, number: float) -> bool:
    match comparison:
        case Comparison.GREATER:
            return value > number
        case Comparison.GREATER_OR_EQUAL:
            return value >= number
        case Comparison.LESS:
            return value < number
        case Comparison.LESS_OR_EQUAL:
            return value <= number


def _network(node: InNetwork) -> Callable[[str], bool]:
    first, last = int(node.network[0]), int(node.network[-1])
    if isinstance(node.network, IPv4Network):
        mapped = int(IPv6Address("::ffff:0.0.0.0"))
        first, last = first + mapped, last + mapped

    def test(value: str) -> bool:
        try:
            address = ip_address(value)
        except ValueError:
            return False
        if isinstance(address, IPv6Address):
            return address.scope_id is None and first <= int(address) <= last
        return first <= int(IPv6Address(f"::ffff:{address}")) <= last

    return test


def _any_value(field: str, test: Callable[[str], bool]) -> Predicate:
    return lambda event: any(test(value) for value in _values(event, field) if value)


def _values(event: Event, field: str) -> Iterable[str]:
    """The values of a field as the store keeps them."""
    if field == ID:
        return (event.id.lower(),)
    if field == SOURCE:
        return (event.source,)
    value = event.fields.get(field)
    if value is None:
        return ()
    if isinstance(value, list):
        return map(scalar_text, value)
    return (scalar_text(value),)
