"""Value tests: what one item of a Sigma detection demands of one field's value.

A test is data (so that compiled rules can be cached) and ``predicate`` turns it into a function of
a value's text. Meaning (Sigma 2.1, appendix "Modifiers", and the choices the specification leaves):

- Values compare as text: ``4624``, ``"4624"`` and ``4624.0`` are the same, ``true`` is ``True``.
- Text compares case-insensitively by ``str.lower`` on both sides, unless ``cased``.
- A list holds if any element does. A missing field satisfies only ``IsNull`` and ``Exists(False)``;
  null is missing, the empty string is not.
- ``re`` is unanchored and case-sensitive, and runs on RE2: time is linear in the value, whatever
  the pattern. What RE2 cannot express (look-around, back references) is outside the flavor that
  the specification allows ("Other metacharacters are unsupported") and is rejected by name.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address, ip_network
from operator import eq, ge, gt, le, lt
from typing import Literal

import msgspec
import re2  # type: ignore[import-untyped]

from detections.errors import RuleRejected
from detections.literals import utf8
from pipeline.schema.event import Scalar

Predicate = Callable[[str], bool]
Place = Literal["equals", "startswith", "endswith", "contains"]
Operator = Literal["lt", "lte", "gt", "gte"]
Part = Literal["minute", "hour", "day", "week", "month", "year"]


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A literal at a place; lower-case unless ``cased``."""

    place: Place
    text: str
    cased: bool = False


class Wildcard(msgspec.Struct, frozen=True, tag="wildcard"):
    """Literals between wildcards: ``None`` is ``*``, an empty string is ``?``.

    The pattern spans the whole value; parts are lower-case unless ``cased``.
    """

    parts: tuple[str | None, ...]
    cased: bool = False


class Regex(msgspec.Struct, frozen=True, tag="regex"):
    """A regular expression, found anywhere; ``flags`` of ``i``, ``m`` and ``s``."""

    pattern: str
    flags: str = ""


class Cidr(msgspec.Struct, frozen=True, tag="cidr"):
    """An address inside a network; what is no address is outside every network."""

    network: str


class Compare(msgspec.Struct, frozen=True, tag="compare"):
    """A number below or above another; what is no number compares to nothing."""

    operator: Operator
    number: int | float


class TimePart(msgspec.Struct, frozen=True, tag="time"):
    """A part of a timestamp (ISO 8601, in its own time zone): a number, or below or above it."""

    part: Part
    number: int | float
    operator: Operator | None = None


class Exists(msgspec.Struct, frozen=True, tag="exists"):
    """The field is there (or is not), whatever its value."""

    expected: bool


class IsNull(msgspec.Struct, frozen=True, tag="null"):
    """The field is missing or JSON null."""


class FieldReference(msgspec.Struct, frozen=True, tag="fieldref"):
    """The value of another field of the same event, equal or as an affix of this one."""

    field: str
    starts: bool = False
    ends: bool = False
    cased: bool = False


Test = Text | Wildcard | Regex | Cidr | Compare | TimePart | Exists | IsNull | FieldReference


def text_of(value: Scalar) -> str:
    """The text that a scalar compares by.

    >>> [text_of(value) for value in (True, 4624, 4624.0, 0.5, "x")]
    ['true', '4624', '4624', '0.5', 'x']
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def predicate(test: Test) -> Predicate:
    """A function that says whether a present value's text satisfies the test.

    ``FieldReference`` has none: it is about two values (``refers``).

    Raises:
        RuleRejected: A regular expression that RE2 cannot run, or a malformed network.
    """
    match test:
        case Text(place, text, cased):
            return _text_predicate(place, text, cased=cased)
        case Wildcard(parts, cased):
            return _wildcard_predicate(parts, cased=cased)
        case Regex(pattern, flags):
            search = compile_regex(pattern, flags)
            return lambda text: search(utf8(text)) is not None
        case Cidr(network):
            return _cidr_predicate(network)
        case Compare(operator, number):
            return _compare_predicate(operator, number)
        case TimePart(part, number, operator):
            return _time_predicate(part, number, operator)
        case Exists(expected):
            return lambda text: expected
        case IsNull():
            return lambda text: False
        case FieldReference():
            raise TypeError("a field reference needs the event")


def holds_without_value(test: Test) -> bool:
    """Whether a missing field satisfies a test."""
    return isinstance(test, IsNull) or (isinstance(test, Exists) and not test.expected)


def refers(test: FieldReference, own: str, other: str) -> bool:
    """Whether a value's text refers to the other field's text as the test demands."""
    if not test.cased:
        own, other = own.lower(), other.lower()
    if test.starts and test.ends:
        return other in own
    if test.starts:
        return own.startswith(other)
    if test.ends:
        return own.endswith(other)
    return own == other


# RE2's search in UTF-8: something true, or None. (Of ``str`` the binding counts characters back and
# forth: 6.8 us a search of SigmaHQ's on a command line, against 1.8.)
Search = Callable[[bytes], object]


def search_of(test: Regex | Wildcard) -> tuple[Search, bool]:
    """The search that a test makes, and whether in the value's lower-cased text.

    Raises:
        RuleRejected: RE2 cannot run it.
    """
    match test:
        case Regex(pattern, flags):
            return compile_regex(pattern, flags), False
        case Wildcard(parts, cased):
            return compile_regex(wildcard_pattern(parts)), not cased


def compile_regex(pattern: str, flags: str = "") -> Search:
    """RE2's search for a pattern.

    Raises:
        RuleRejected: RE2 cannot run it; the message has RE2's reason.
    """
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 16 << 20
    prefix = f"(?{flags})" if flags else ""
    try:
        return re2.compile(prefix + pattern, options).search  # type: ignore[no-any-return]
    except re2.error as error:
        reason = error.args[0] if error.args else "not understood"
        if isinstance(reason, bytes):
            reason = reason.decode("utf-8", "replace")
        raise RuleRejected(
            f"regular expression {pattern!r} is outside Sigma's flavor: {reason}"
        ) from error


def wildcard_pattern(parts: tuple[str | None, ...]) -> str:
    """The regular expression of a wildcard pattern, for the whole value.

    >>> wildcard_pattern(("a.", None, "", "b"))
    '(?s)\\\\Aa\\\\..*.b\\\\z'
    """
    pieces = (".*" if part is None else re.escape(part) if part else "." for part in parts)
    return rf"(?s)\A{''.join(pieces)}\z"


def _text_predicate(place: Place, wanted: str, *, cased: bool) -> Predicate:
    match place, cased:
        case "equals", False:
            return lambda text: text.lower() == wanted
        case "startswith", False:
            return lambda text: text.lower().startswith(wanted)
        case "endswith", False:
            return lambda text: text.lower().endswith(wanted)
        case "contains", False:
            return lambda text: wanted in text.lower()
        case "equals", True:
            return lambda text: text == wanted
        case "startswith", True:
            return lambda text: text.startswith(wanted)
        case "endswith", True:
            return lambda text: text.endswith(wanted)
        case _:
            return lambda text: wanted in text


def _wildcard_predicate(parts: tuple[str | None, ...], *, cased: bool) -> Predicate:
    search = compile_regex(wildcard_pattern(parts))
    if cased:
        return lambda text: search(utf8(text)) is not None
    return lambda text: search(utf8(text.lower())) is not None


def _cidr_predicate(network: str) -> Predicate:
    try:
        wanted = ip_network(network, strict=False)
    except ValueError as error:
        raise RuleRejected(f"{network!r} is not a network: {error}") from error

    def inside(text: str) -> bool:
        try:
            return ip_address(text) in wanted
        except ValueError:
            return False

    return inside


def number_of(text: str) -> int | float | None:
    """The number a text spells, or None; digits are bounded by Python's own limit.

    >>> number_of("20"), number_of("-0.5"), number_of("1_0"), number_of("nan")
    (20, -0.5, None, None)
    """
    if not text or text[-1] not in "0123456789." or "_" in text or text[0].isspace():
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


_COMPARISONS: Mapping[Operator, Callable[[int | float, int | float], bool]] = {
    "lt": lt,
    "lte": le,
    "gt": gt,
    "gte": ge,
}


def _compare_predicate(operator: Operator, wanted: int | float) -> Predicate:
    compares = _COMPARISONS[operator]

    def holds(text: str) -> bool:
        number = number_of(text)
        return number is not None and compares(number, wanted)

    return holds


def _time_predicate(part: Part, wanted: int | float, operator: Operator | None) -> Predicate:
    compares = eq if operator is None else _COMPARISONS[operator]

    def holds(text: str) -> bool:
        number = _time_part(text, part)
        return number is not None and compares(number, wanted)

    return holds


def _time_part(text: str, part: Part) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if part == "week":
        return moment.isocalendar().week
    found: int = getattr(moment, part)
    return found
