"""A value test as ClickHouse SQL over the text of a stored value. Pure.

Says what ``matchers.predicate`` says; where ClickHouse's functions cannot, the test is refused
by name (``SqlImpossible``) or a note says for which values the two may differ. Every value is
bound, none is written into the SQL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network

from detections.errors import SqlImpossible
from detections.matchers import (
    Cidr,
    Compare,
    Exists,
    FieldReference,
    IsNull,
    Regex,
    Test,
    Text,
    TimePart,
    Wildcard,
    wildcard_pattern,
)


@dataclass(frozen=True, slots=True)
class ValueTest:
    """A test as SQL over the text of a value.

    Attributes:
        of: From the SQL of a text to the SQL of whether it passes.
        is_lowered: The text has to be given in lower case.
    """

    of: Callable[[str], str]
    is_lowered: bool = False

    def of_any(self, texts: str) -> str:
        """Whether one text of an array passes."""
        return f"arrayExists(one -> {self.of('one')}, {texts})"


# The numbers that `matchers.number_of` reads.
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_SIGNS = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
# Date and time of day in ISO 8601's extended format, whatever its zone.
_TIMESTAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(.[0-9]{2}:[0-9]{2}(:[0-9]{2}.*|[+-].*|Z)?)?$"
_PARTS = {
    "minute": "toMinute",
    "hour": "toHour",
    "day": "toDayOfMonth",
    "week": "toISOWeek",
    "month": "toMonth",
    "year": "toYear",
}

LOWER_NOTE = (
    "Letters that change their number when lowered (the Turkish dotted I, the Greek final sigma)"
    " may compare differently in ClickHouse."
)
BIG_NUMBER_NOTE = "ClickHouse compares as 64-bit floats: whole numbers beyond 2^53 are rounded."
TIME_NOTE = "Only timestamps in ISO 8601's extended format are read."


@dataclass(slots=True)
class Binder:
    """Collects what SQL text refers to, and what a reader has to know about it.

    Attributes:
        parameters: Values by the name of their placeholder.
        notes: In which cases SQL may say something else, without repetition.
    """

    parameters: dict[str, object] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)

    def bind(self, value: object, kind: str) -> str:
        """A placeholder for a value; the same one for the same value."""
        texts = value if isinstance(value, list) else [value]
        if any(isinstance(text, str) and "\0" in text for text in texts):
            raise SqlImpossible("a NUL cannot be sent as a value of a ClickHouse query")
        key = (kind, repr(value))
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = f"h{len(self.parameters)}"
            self.parameters[name] = value
        return f"{{{name}:{kind}}}"

    def note(self, text: str) -> None:
        """Say in which case SQL may differ."""
        self.notes[text] = None


def value_test(test: Test, binder: Binder) -> ValueTest:
    """The SQL of a test that a present value satisfies.

    Raises:
        SqlImpossible: ClickHouse cannot say it.
    """
    match test:
        case Text():
            return any_text([test], binder)
        case Wildcard(parts, cased):
            return _matching(wildcard_pattern(parts), binder, is_lowered=not cased)
        case Regex(pattern, flags):
            return _matching(_with_flags(pattern, flags), binder, is_lowered=False)
        case Cidr(network):
            return _inside(network, binder)
        case Compare(operator, number):
            return _compared(operator, number, binder)
        case TimePart(part, number, operator):
            return _timed(part, operator, number, binder)
        case Exists() | IsNull():
            raise TypeError("presence is not about a value")
        case FieldReference():
            raise TypeError("a field reference needs the event")


def any_text(tests: Sequence[Text], binder: Binder) -> ValueTest:
    """At least one of several literals of one place and case is there, asked at once."""
    place, cased = tests[0].place, tests[0].cased
    texts = [test.text for test in tests]
    if not cased and not all(map(str.isascii, texts)):
        binder.note(LOWER_NOTE)
    if place == "contains" and "" in texts:
        return ValueTest(lambda value: "true")
    wanted = binder.bind(texts, "Array(String)")

    def of(value: str) -> str:
        match place:
            case "equals":
                return f"has({wanted}, {value})"
            case "contains":
                return f"arrayExists(part -> position({value}, part) > 0, {wanted})"
            case "startswith":
                return f"arrayExists(part -> startsWith({value}, part), {wanted})"
            case "endswith":
                return f"arrayExists(part -> endsWith({value}, part), {wanted})"

    return ValueTest(of, is_lowered=not cased)


def reference_test(test: FieldReference) -> Callable[[str, str], str]:
    """The SQL of a comparison of two texts, in lower case unless the test is cased."""
    if test.starts and test.ends:
        return lambda own, other: f"position({own}, {other}) > 0"
    if test.starts:
        return lambda own, other: f"startsWith({own}, {other})"
    if test.ends:
        return lambda own, other: f"endsWith({own}, {other})"
    return lambda own, other: f"{own} = {other}"


def _with_flags(pattern: str, flags: str) -> str:
    """ClickHouse lets a dot match a line's end unless told otherwise."""
    on = flags.replace("s", "")
    return f"(?{on}{'s' if 's' in flags else '-s'}){pattern}"


def _matching(pattern: str, binder: Binder, *, is_lowered: bool) -> ValueTest:
    bound = binder.bind(pattern, "String")
    return ValueTest(lambda value: f"match({value}, {bound})", is_lowered)


def _inside(network: str, binder: Binder) -> ValueTest:
    wanted = ip_network(network, strict=False)
    kind = "IPv4" if isinstance(wanted, IPv4Network) else "IPv6"
    low, high = (binder.bind(str(end), kind) for end in (wanted[0], wanted[-1]))
    return ValueTest(
        lambda value: (
            f"(is{kind}String({value}) AND to{kind}OrDefault({value}) BETWEEN {low} AND {high})"
        )
    )


def _compared(operator: str, number: float, binder: Binder) -> ValueTest:
    if abs(number) > 1 << 53:
        binder.note(BIG_NUMBER_NOTE)
    sign = _SIGNS[operator]
    wanted, shape = binder.bind(float(number), "Float64"), binder.bind(_NUMBER, "String")
    return ValueTest(
        lambda value: f"(match({value}, {shape}) AND toFloat64OrZero({value}) {sign} {wanted})"
    )


def _timed(part: str, operator: str | None, number: float, binder: Binder) -> ValueTest:
    binder.note(TIME_NOTE)
    sign = "=" if operator is None else _SIGNS[operator]
    shape, wanted = binder.bind(_TIMESTAMP, "String"), binder.bind(float(number), "Float64")
    # The first 19 characters leave the zone out: a part is one of the sender's own clock.
    return ValueTest(
        lambda value: (
            f"(match({value}, {shape}) AND {_PARTS[part]}("
            f"parseDateTimeBestEffortOrZero(substring({value}, 1, 19), 'UTC')) {sign} {wanted})"
        )
    )
