"""One field's tests, all at once: a value in, the set of satisfied tests out; remembered.

The thousands of tests that rules make on a field are few kinds of question, so a value is not held
against each: equality is a dictionary, beginnings and ends a binary search, containment one
search for all literals; wildcards and regular expressions run only where a string that they
need was found. What a value satisfies is its signature, and signatures are numbered, so that an
event becomes a short tuple of numbers.

Not thread-safe: an index belongs to the engine that made it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from detections.literals import ContainsSearch, PrefixSearch, required_literal, utf8
from detections.matchers import (
    Exists,
    FieldReference,
    IsNull,
    Regex,
    Test,
    Text,
    Wildcard,
    holds_without_value,
    predicate,
    search_of,
    text_of,
)
from pipeline.schema.event import Scalar

_Search = TypeVar("_Search")

# Longer values are searched every time: remembering them costs more memory than it saves.
MAX_REMEMBERED_CHARS = 8_192
# What an entry costs besides its text: two objects and a dictionary slot.
_ENTRY_BYTES = 150


# A value's text; that as UTF-8; and lower-cased as UTF-8: what the tests that run alone look at.
_Forms = tuple[str, bytes, bytes]
_TEXT, _UTF8, _LOWER_UTF8 = range(3)


class _Alone(NamedTuple):
    """A test that runs by itself: its number, what it asks, and of which form of a value."""

    number: int
    holds: Callable[[Any], object]
    form: int


def _alone(number: int, test: Test) -> _Alone:
    if isinstance(test, Regex | Wildcard):
        search, is_lowered = search_of(test)
        return _Alone(number, search, _LOWER_UTF8 if is_lowered else _UTF8)
    return _Alone(number, predicate(test), _TEXT)


def _forms(text: str, lower: str) -> _Forms:
    return text, utf8(text), utf8(lower)


class TestIndex:
    """The numbered tests on one field, arranged by kind of question."""

    __test__ = False  # not a pytest class

    def __init__(self, tests: Sequence[tuple[int, Test]]) -> None:
        self.absent = frozenset(number for number, test in tests if holds_without_value(test))
        self._always: list[int] = []
        self._equals: dict[str, list[int]] = {}
        self._equals_cased: dict[str, list[int]] = {}
        self._others: list[_Alone] = []
        begins, ends, contains = _Group(), _Group(), _Group()
        gated: dict[str, list[_Alone]] = {}
        for number, test in tests:
            match test:
                case Exists(True) | Text("contains", ""):
                    self._always.append(number)
                case Exists() | IsNull() | FieldReference():
                    pass  # never satisfied by a value alone
                case Text("equals", text, False):
                    self._equals.setdefault(text, []).append(number)
                case Text("equals", text, True):
                    self._equals_cased.setdefault(text, []).append(number)
                case Text("startswith", text, False):
                    begins.add(text, number)
                case Text("endswith", text, False):
                    ends.add(text[::-1], number)
                case Text("contains", text, False) if "\0" not in text:
                    contains.add(text, number)
                case _:
                    literal = _gate(test)
                    place = gated.setdefault(literal, []) if literal else self._others
                    place.append(_alone(number, test))
        self._begins, self._begin_numbers = begins.search(PrefixSearch)
        self._ends, self._end_numbers = ends.search(PrefixSearch)
        for literal in gated:
            contains.add(literal)
        self._contains, self._contain_numbers = contains.search(ContainsSearch)
        self._gates = [gated.get(literal, []) for literal in contains.literals]
        self._has_gates = bool(gated)

    def satisfied(self, text: str) -> list[int]:
        """The numbers of the tests that a value's text satisfies; some may repeat."""
        lower = text.lower()
        alone: Sequence[_Alone] = ()
        found = [*self._always, *self._equals.get(lower, ())]
        if self._equals_cased:
            found += self._equals_cased.get(text, ())
        if self._begins is not None:
            for index in self._begins.find(lower):
                found += self._begin_numbers[index]
        if self._ends is not None:
            for index in self._ends.find(lower[::-1]):
                found += self._end_numbers[index]
        if self._contains is not None:
            hits = self._contains.find(lower)
            for index in hits:
                found += self._contain_numbers[index]
            if self._has_gates:
                alone = [one for index in hits for one in self._gates[index]]
        if self._others:
            alone = [*alone, *self._others]
        if alone:
            forms = _forms(text, lower)
            found += [number for number, holds, form in alone if holds(forms[form])]
        return found

    def satisfied_by_any(self, texts: Sequence[str]) -> set[int]:
        """The tests that at least one of many values satisfies: a keyword's question.

        Containment is searched in all texts at once; they are joined by a NUL, which no searched
        literal contains.
        """
        found: set[int] = set()
        alone: Sequence[_Alone] = self._others
        if self._contains is not None:
            hits = self._contains.find("\0".join(texts).lower())
            for index in hits:
                found.update(self._contain_numbers[index])
            if self._has_gates:
                alone = [*alone, *(one for index in hits for one in self._gates[index])]
        if alone:
            every = [_forms(text, text.lower()) for text in texts]
            for number, holds, form in alone:
                if any(holds(forms[form]) for forms in every):
                    found.add(number)
        if texts:
            found.update(self._always)
        if self._equals or self._equals_cased or self._begins or self._ends:
            for text in texts:
                found.update(self._placed(text))
        return found

    def _placed(self, text: str) -> Iterable[int]:
        """The satisfied tests that look at a whole value or one end of it."""
        lower = text.lower()
        yield from self._equals.get(lower, ())
        yield from self._equals_cased.get(text, ())
        if self._begins is not None:
            for index in self._begins.find(lower):
                yield from self._begin_numbers[index]
        if self._ends is not None:
            for index in self._ends.find(lower[::-1]):
                yield from self._end_numbers[index]


class _Group:
    """Literals of one kind and the tests that each stands for."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[int]] = {}

    def add(self, literal: str, number: int | None = None) -> None:
        numbers = self._numbers.setdefault(literal, [])
        if number is not None:
            numbers.append(number)

    @property
    def literals(self) -> list[str]:
        return list(self._numbers)

    def search(
        self, build: Callable[[Sequence[str]], _Search]
    ) -> tuple[_Search | None, list[list[int]]]:
        """A search over the literals, None if there are none, and the tests of each."""
        if not self._numbers:
            return None, []
        return build(self.literals), list(self._numbers.values())


def _gate(test: Test) -> str:
    """A lower-case literal that the lower-cased text of every satisfying value contains."""
    literal = ""
    match test:
        case Regex(pattern, flags):
            literal = required_literal(pattern, flags)
        case Wildcard(parts, _):
            literal = max((part for part in parts if part), key=len, default="").lower()
        case Text(_, text, True):
            literal = text.lower()
    return "" if "\0" in literal or not literal.isascii() else literal


class Budget:
    """How much all memos together may remember, in bytes (estimated)."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._spent_bytes = 0
        self._memos: list[Memo] = []
        self.rotations = 0

    def add(self, memo: "Memo") -> None:
        """Count a memo in."""
        self._memos.append(memo)

    def forget_memos(self) -> None:
        """Count every memo out."""
        self._memos.clear()
        self._spent_bytes = 0

    def charge(self, chars: int) -> None:
        """Note an entry; when half the budget is spent, every memo becomes its older half."""
        self._spent_bytes += chars + _ENTRY_BYTES
        if self._spent_bytes > self._limit_bytes // 2:
            self._spent_bytes = 0
            self.rotations += 1
            for memo in self._memos:
                memo.rotate()


class Memo(dict[Scalar, int]):
    """A field's values seen lately, each with the number of its signature.

    ``memo[value]`` answers from the dictionary, from the older half (kept when the budget turned
    over last) or by looking at the value. Booleans must not be asked for: ``True == 1``.
    """

    __slots__ = ("_budget", "_numbers", "_older", "index", "signatures")

    def __init__(self, index: TestIndex, budget: Budget) -> None:
        super().__init__()
        self.index = index
        self.signatures: list[frozenset[int]] = []
        self._numbers: dict[frozenset[int], int] = {}
        self._older: dict[Scalar, int] = {}
        self._budget = budget
        budget.add(self)

    def __missing__(self, value: Scalar) -> int:
        number = self._older.get(value)
        if number is None:
            text = value if isinstance(value, str) else text_of(value)
            number = self.number(self.index.satisfied(text))
            size = len(text)
            if size > MAX_REMEMBERED_CHARS:
                return number
        else:
            size = len(value) if isinstance(value, str) else 8
        self[value] = number
        self._budget.charge(size)
        return number

    def of_list(self, values: Iterable[Scalar]) -> int:
        """The number of what at least one element satisfies; booleans are allowed."""
        found: set[int] = set()
        for value in values:
            key = text_of(value) if isinstance(value, bool) else value
            found |= self.signatures[self[key]]
        return self.number(found)

    def number(self, satisfied: Iterable[int]) -> int:
        """The number of a signature; the same set has the same number until ``forget``."""
        signature = frozenset(satisfied)
        number = self._numbers.get(signature)
        if number is None:
            number = len(self.signatures)
            self._numbers[signature] = number
            self.signatures.append(signature)
        return number

    def rotate(self) -> None:
        """Keep what is remembered as the older half; what it does not give back is gone."""
        self._older = self.copy()
        self.clear()

    def forget(self) -> None:
        """Drop every value and every signature; numbers given out before mean nothing now."""
        self.clear()
        self._older = {}
        self.signatures.clear()
        self._numbers.clear()
