"""The rules that one kind of event is held against, arranged so that few have to be.

An event's field names choose a layout: which of them the rules ask for. Each of those values
becomes the number of its signature (``detections.signature``), and the numbers look up the rules
that match. Only for a combination never seen are rules held against it, and of those only the
ones of which a witness holds (``detections.witness``). Everything remembered is bounded. Not
thread-safe.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from operator import itemgetter

import msgspec

from detections.compiler import (
    All,
    Any,
    AtLeast,
    Condition,
    Item,
    Node,
    Not,
    Rule,
    condition_over,
    items,
)
from detections.event_texts import keyword_names, keyword_texts, texts_of
from detections.field_mapping import FieldNames
from detections.matchers import FieldReference, Test, refers, text_of
from detections.signature import Budget, Memo, TestIndex
from detections.witness import witness
from pipeline.schema.event import Scalar, Value

# Event shapes, and combinations of signatures, that a class remembers.
_MAX_LAYOUTS = 4_096
_MAX_VERDICTS = 100_000
_MAX_SIGNATURES = 50_000
# A rule with more references to other fields than this is held against every candidate event.
_MAX_ASSUMED = 4

Fields = Mapping[str, Value]


class Match(msgspec.Struct, frozen=True):
    """A rule that an event satisfies.

    Attributes:
        rule: The rule.
        matched: The event's fields that satisfied items of the rule, with their values.
    """

    rule: Rule
    matched: Mapping[str, Value]


class _Arranged:
    """A rule as numbers: its condition, the items that can make it hold, its references."""

    __slots__ = ("condition", "positive", "references", "rule")

    def __init__(self, rule: Rule, number: Callable[[Item], int]) -> None:
        self.rule = rule
        self.condition: Condition = condition_over(rule.condition, number)
        self.positive = [number(item) for item in _positive_items(rule.condition)]
        self.references = [
            number(item) for item in items(rule.condition) if isinstance(item.test, FieldReference)
        ]

    def may_match(self, satisfied: frozenset[int]) -> bool:
        """Whether the rule matches, or could, if some of its references held."""
        if self.condition(satisfied):
            return True
        if len(self.references) > _MAX_ASSUMED:
            return True
        return any(
            self.condition(satisfied.union(assumed))
            for count in range(1, len(self.references) + 1)
            for assumed in combinations(self.references, count)
        )


# The indexes of the rules that match, in order, and the numbers of the tests that hold.
_Verdict = tuple[tuple[int, ...], frozenset[int]]
_NOTHING: _Verdict = ((), frozenset())


class _Layout:
    """Which of an event's fields a class asks for, and what is missing."""

    __slots__ = ("absent", "memos", "names", "values", "verdicts")

    def __init__(
        self, names: Mapping[str, str], memos: Sequence[Memo], absent: frozenset[int]
    ) -> None:
        self.names = names
        self.memos = memos
        self.absent = absent
        self.values = _getter(tuple(names.values()))
        self.verdicts: dict[tuple[int, ...], _Verdict] = {}


# Takes values out of an event that has the fields.
_Getter = Callable[[Fields], tuple[Value, ...]]


def _getter(names: tuple[str, ...]) -> _Getter:
    if len(names) > 1:
        return itemgetter(*names)
    if names:
        return lambda fields: (fields[names[0]],)
    return lambda fields: ()


@dataclass(frozen=True, slots=True)
class _Reference:
    """A test that compares two fields which an event has."""

    number: int
    test: FieldReference
    own: str
    other: str

    def holds(self, fields: Fields) -> bool:
        return any(
            refers(self.test, text_of(left), text_of(right))
            for left in _elements(fields[self.own])
            for right in _elements(fields[self.other])
        )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the field names of an event mean.

    Attributes:
        layout: What to take out of it.
        texts: Takes out the values in which keywords are looked for.
        references: The comparisons of two of its fields.
    """

    layout: _Layout
    texts: _Getter
    references: tuple[_Reference, ...]


class RuleClass:
    """Some rules, ready for events of their kind."""

    def __init__(self, rules: Sequence[Rule], budget: Budget) -> None:
        self._items: list[Item] = []
        self._numbers: dict[Item, int] = {}
        self._rules = [_Arranged(rule, self._number) for rule in rules]
        by_field: dict[str | None, list[tuple[int, Test]]] = {}
        for number, item in enumerate(self._items):
            by_field.setdefault(item.field, []).append((number, item.test))
        self._memos = {field: Memo(TestIndex(tests), budget) for field, tests in by_field.items()}
        self._all_memos = list(self._memos.values())
        self._keywords = self._memos.pop(None, None)
        self._by_witness: dict[int, list[int]] = {}
        self._unwitnessed: list[int] = []
        for index, rule in enumerate(rules):
            needed = witness(rule.condition)
            if needed is None:
                self._unwitnessed.append(index)
            for item in needed or ():
                self._by_witness.setdefault(self._numbers[item], []).append(index)
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._shapes: dict[tuple[str, ...], _Shape] = {}
        self._verdict_count = 0

    def _number(self, item: Item) -> int:
        number = self._numbers.get(item)
        if number is None:
            number = self._numbers[item] = len(self._items)
            self._items.append(item)
        return number

    def evaluate(self, fields: Fields, raw: str) -> list[Match]:
        """The rules of this class that the event satisfies."""
        if not self._rules:
            return []
        shape = self._shapes.get(tuple(fields)) or self._shape(fields)
        layout = shape.layout
        values = layout.values(fields)
        try:
            if bool in map(type, values):
                raise TypeError("True == 1")
            # A list among them is a TypeError too: it has no hash.
            signature = tuple(map(Memo.__getitem__, layout.memos, values))  # type: ignore[arg-type]
        except TypeError:
            signature = tuple(map(_signature_of, layout.memos, values))
        if self._keywords is not None:
            found = self._keywords.index.satisfied_by_any(texts_of(shape.texts(fields), raw))
            signature += (self._keywords.number(found),)
        verdict = layout.verdicts.get(signature)
        if verdict is None:
            verdict = self._decide(layout, signature)
        if not verdict[0]:
            return []
        return list(self._matches(verdict, shape, fields, raw))

    def _shape(self, fields: Fields) -> _Shape:
        """What to take out of an event with these field names."""
        if len(self._shapes) >= _MAX_LAYOUTS or len(self._layouts) >= _MAX_LAYOUTS:
            self._forget()
        names = FieldNames(fields)
        asked = {field: names.find(field) for field in self._memos if field is not None}
        present = {field: name for field, name in asked.items() if name is not None}
        key = tuple(f"{field}\0{name}" for field, name in present.items())
        layout = self._layouts.get(key)
        if layout is None:
            absent = (self._memos[field].index.absent for field in asked if field not in present)
            memos = [self._memos[field] for field in present]
            layout = self._layouts[key] = _Layout(present, memos, frozenset().union(*absent))
        shape = self._shapes[tuple(fields)] = _Shape(
            layout, _getter(tuple(keyword_names(fields))), tuple(self._references(names))
        )
        return shape

    def _references(self, names: FieldNames) -> Iterator[_Reference]:
        """The references between fields that events with these names have."""
        for number in dict.fromkeys(chain.from_iterable(one.references for one in self._rules)):
            item = self._items[number]
            assert isinstance(item.test, FieldReference)
            own, other = names.find(item.field or ""), names.find(item.test.field)
            if own is not None and other is not None:
                yield _Reference(number, item.test, own, other)

    def _decide(self, layout: _Layout, signature: tuple[int, ...]) -> _Verdict:
        """Hold the candidates among the rules against a combination of signatures."""
        memos = [*layout.memos, self._keywords] if self._keywords is not None else layout.memos
        sets = (memo.signatures[number] for memo, number in zip(memos, signature, strict=True))
        satisfied = layout.absent.union(*sets)
        candidates = set(self._unwitnessed)
        for number in satisfied:
            candidates.update(self._by_witness.get(number, ()))
        matching = tuple(
            index for index in sorted(candidates) if self._rules[index].may_match(satisfied)
        )
        verdict = (matching, satisfied) if matching else _NOTHING
        self._verdict_count += 1
        too_many = any(len(memo.signatures) > _MAX_SIGNATURES for memo in self._all_memos)
        if too_many or self._verdict_count > _MAX_VERDICTS:
            self._forget()
        else:
            layout.verdicts[signature] = verdict
        return verdict

    def _forget(self) -> None:
        """Drop what was learned from events; the rules stay."""
        for memo in self._all_memos:
            memo.forget()
        self._layouts.clear()
        self._shapes.clear()
        self._verdict_count = 0

    def _matches(
        self, verdict: _Verdict, shape: _Shape, fields: Fields, raw: str
    ) -> Iterator[Match]:
        indexes, satisfied = verdict
        for index in indexes:
            arranged, holding = self._rules[index], satisfied
            if arranged.references:
                holding = satisfied.union(
                    found.number for found in shape.references if found.holds(fields)
                )
                if not arranged.condition(holding):
                    continue
            own = [self._items[number] for number in arranged.positive if number in holding]
            yield Match(arranged.rule, _matched(own, shape.layout, fields, raw))


def _signature_of(memo: Memo, value: Value) -> int:
    if isinstance(value, list):
        return memo.of_list(value)
    return memo[text_of(value) if isinstance(value, bool) else value]


def _elements(value: Value) -> list[Scalar]:
    return value if isinstance(value, list) else [value]


def _positive_items(node: Node) -> Iterator[Item]:
    """The items of a condition that can make it hold: those under no Not."""
    match node:
        case Item():
            yield node
        case All(nodes) | Any(nodes) | AtLeast(_, nodes):
            for inner in nodes:
                yield from _positive_items(inner)
        case Not():
            return


def _matched(
    holding: Iterable[Item], layout: _Layout, fields: Fields, raw: str
) -> dict[str, Value]:
    """The fields behind items that hold, with their values; a keyword shows where it was found."""
    found: dict[str, Value] = {}
    for item in holding:
        if item.field is None:
            found.update(_keyword_place(item.test, fields, raw))
        elif item.field in layout.names:
            name = layout.names[item.field]
            found[name] = fields[name]
    return found


def _keyword_place(test: Test, fields: Fields, raw: str) -> dict[str, Value]:
    index = TestIndex([(0, test)])
    for name, value in fields.items():
        if index.satisfied_by_any(keyword_texts({name: value}, "")):
            return {name: value}
    return {"raw": raw}
