"""A value of a parsed Sigma detection to the test that it stands for. Pure.

pySigma has applied the modifiers and says what became of a value by its type; here it becomes the
simplest of our tests (``detections.matchers``). A placeholder that nobody has given a value is
rejected by name (specification, "Placeholders").
"""

from collections.abc import Mapping

from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
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
    text_of,
)
from detections.modifiers import CasedFieldReference

_FLAGS: Mapping[SigmaRegularExpressionFlag, str] = {
    SigmaRegularExpressionFlag.IGNORECASE: "i",
    SigmaRegularExpressionFlag.MULTILINE: "m",
    SigmaRegularExpressionFlag.DOTALL: "s",
}


def field_test(value: SigmaType) -> Test:
    """What a field's value must satisfy.

    Raises:
        RuleRejected: The value means nothing on an event, or is a placeholder without a value.
    """
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
            if isinstance(value.number, SigmaTimestampPart):
                part = value.number.timestamp_part.name.lower()  # type: ignore[assignment]
                return TimePart(part, value.number.number, operator)
            return Compare(operator, _number(value.number))
        case SigmaFieldReference():
            cased = isinstance(value, CasedFieldReference)
            return FieldReference(value.field, value.starts_with, value.ends_with, cased)
        case SigmaRegularExpression():
            return _regex(value)
        case _:
            raise RuleRejected(f"a {type(value).__name__} value cannot be matched on an event")


def keyword_test(value: SigmaType) -> Test:
    """What any value of an event must satisfy: a keyword is found anywhere in it ("Keywords").

    Raises:
        RuleRejected: As ``field_test``, and for what only a field can be asked.
    """
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
    parts = _parts(value.regexp)
    pattern = "".join("*" if part is None else part or "?" for part in parts)
    return Regex(pattern, "".join(sorted(_FLAGS[flag] for flag in value.flags)))


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
