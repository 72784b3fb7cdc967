"""A Sigma condition as text to a tree over the names of detections. Pure.

Grammar (specification, "Condition"), the loosest binding first: ``or``, ``and``, ``not``,
``N of pattern`` (N a number, ``any`` or ``all``), a name, parentheses. pySigma's own parser is not
used: it knows no number but 1, and reads a detection called ``notepad`` as the negation of
``epad``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from detections.errors import RuleRejected

# Beyond these a condition is an attack on the parser, not a rule.
_MAX_WORDS = 5_000
_MAX_DEPTH = 50

_WORD = re.compile(r"[()]|[^\s()]+")
_OPERATORS = frozenset({"and", "or", "not", "of"})


@dataclass(frozen=True, slots=True)
class Detection:
    """A detection by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Selector:
    """``count`` or more of the detections whose names fit; all of them where it is None."""

    count: int | None
    pattern: str

    def chosen(self, names: Iterable[str]) -> list[str]:
        """The names that it speaks of: ``them`` and ``*`` leave out what begins with ``_``.

        >>> Selector(1, "sel*").chosen(["selection", "filter", "_sel"])
        ['selection']
        """
        pattern = "*" if self.pattern == "them" else self.pattern
        fits = re.compile(".*".join(map(re.escape, pattern.split("*")))).fullmatch
        hidden = pattern.startswith("_")
        return [name for name in names if fits(name) and (hidden or not name.startswith("_"))]


@dataclass(frozen=True, slots=True)
class Negation:
    """What does not hold."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class Conjunction:
    """What hold together."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    """What holds by one of its parts."""

    parts: tuple["Expression", ...]


Expression = Detection | Selector | Negation | Conjunction | Disjunction


def parse_condition(text: str) -> Expression:
    """The tree of a condition.

    Raises:
        RuleRejected: It is no condition; the message says what was found where.

    >>> parse_condition("a and not 2 of b*")
    Conjunction(parts=(Detection(name='a'), Negation(part=Selector(count=2, pattern='b*'))))
    """
    if "|" in text:
        raise RuleRejected(
            "condition: aggregation after a pipe is no longer part of Sigma; write a correlation"
        )
    words = _WORD.findall(text)
    if len(words) > _MAX_WORDS:
        raise RuleRejected(f"condition: {len(words)} words, of which {_MAX_WORDS} are accepted")
    return _Parser(words).whole()


def holds_on_nothing(expression: Expression) -> bool:
    """Whether a condition holds where none of its detections does.

    >>> holds_on_nothing(parse_condition("not a")), holds_on_nothing(parse_condition("a"))
    (True, False)
    """
    match expression:
        case Negation(part):
            return not holds_on_nothing(part)
        case Conjunction(parts):
            return all(map(holds_on_nothing, parts))
        case Disjunction(parts):
            return any(map(holds_on_nothing, parts))
        case Detection() | Selector():
            return False


class _Parser:
    """Reads words from left to right; one method a level of binding."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        self._next = 0
        self._depth = 0

    def whole(self) -> Expression:
        found = self._disjunction()
        if self._next < len(self._words):
            raise self._unexpected("and, or, or the end")
        return found

    def _peek(self) -> str:
        return self._words[self._next].lower() if self._next < len(self._words) else ""

    def _takes(self, word: str) -> bool:
        found = self._peek() == word
        self._next += found
        return found

    def _unexpected(self, wanted: str) -> RuleRejected:
        if self._next >= len(self._words):
            return RuleRejected(f"condition: it ends where {wanted} is expected")
        before = " ".join(self._words[max(0, self._next - 3) : self._next])
        found = self._words[self._next]
        return RuleRejected(f"condition: {wanted} is expected after {before!r}, not {found!r}")

    def _disjunction(self) -> Expression:
        parts = [self._conjunction()]
        while self._takes("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Disjunction(tuple(parts))

    def _conjunction(self) -> Expression:
        parts = [self._operand()]
        while self._takes("and"):
            parts.append(self._operand())
        return parts[0] if len(parts) == 1 else Conjunction(tuple(parts))

    def _operand(self) -> Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise RuleRejected(f"condition: nested deeper than {_MAX_DEPTH} levels")
        try:
            return self._deeper()
        finally:
            self._depth -= 1

    def _deeper(self) -> Expression:
        if self._takes("not"):
            return Negation(self._operand())
        if self._takes("("):
            inner = self._disjunction()
            if not self._takes(")"):
                raise self._unexpected("a closing parenthesis")
            return inner
        word = self._peek()
        if not word or word == ")" or word in _OPERATORS:
            raise self._unexpected("the name of a detection")
        name = self._words[self._next]
        self._next += 1
        if self._peek() == "of":
            return self._selector(name)
        return Detection(name)

    def _selector(self, quantifier: str) -> Selector:
        self._next += 1
        pattern = self._peek()
        if not pattern or pattern in "()" or pattern in _OPERATORS:
            raise self._unexpected("them, or a pattern of names,")
        pattern = "them" if pattern == "them" else self._words[self._next]
        self._next += 1
        match quantifier.lower():
            case "all":
                return Selector(None, pattern)
            case "any":
                return Selector(1, pattern)
            case digits if digits.isascii() and digits.isdigit() and int(digits[:9]) > 0:
                return Selector(int(digits[:9]), pattern)
        raise RuleRejected(f"condition: {quantifier!r} of them is neither a number, any nor all")
