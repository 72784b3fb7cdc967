"""Event in, matches out: log source, then necessary tests, then conditions.

1. An event's log sources choose a class: the rules meant for it, arranged together.
2. The event's field names choose a layout: which of them the class's rules ask for.
3. Each of those values becomes the number of its signature (``detections.signature``).
4. The numbers look up the rules that match. Only for a combination never seen are rules held
   against it, and only those of which a necessary test is satisfied (its witness).

Everything remembered is bounded. The engine is a function of rules and event: it reads no clock
and no file. Not thread-safe; one engine belongs to one thread.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

import msgspec

from detections.compiler import All, Any, Condition, Item, Node, Not, Rule, condition_over, items
from detections.event_texts import keyword_texts
from detections.field_mapping import FieldNames
from detections.log_source import ROUTING_FIELDS, EventSources, sources_of
from detections.matchers import (
    FieldReference,
    Test,
    Text,
    holds_without_value,
    refers,
    text_of,
)
from detections.rule_set import RuleSet
from detections.signature import Budget, Memo, TestIndex
from pipeline.schema.event import Scalar, Value

DEFAULT_MEMO_BYTES = 96 << 20
_MAX_ROUTES = 8_192
_MAX_CLASSES = 512
_MAX_LAYOUTS = 4_096
_MAX_VERDICTS = 100_000
_MAX_SIGNATURES = 50_000

Fields = Mapping[str, Value]


class Match(msgspec.Struct, frozen=True):
    """A rule that an event satisfies.

    Attributes:
        rule: The rule.
        matched: The event's fields that satisfied items of the rule, with their values.
    """

    rule: Rule
    matched: Mapping[str, Value]


class Engine:
    """All rules of a rule set, ready for events.

    >>> from detections.rule_set import RuleSet
    >>> Engine(RuleSet()).evaluate({"EventID": 1}, "")
    []
    """

    def __init__(
        self,
        rule_set: RuleSet,
        *,
        disabled: Collection[str] = (),
        memo_bytes: int = DEFAULT_MEMO_BYTES,
    ) -> None:
        self._rules = [rule for rule in rule_set.rules if rule.id not in disabled]
        self._budget = Budget(memo_bytes)
        self._routes: dict[tuple[object, ...], _RuleClass] = {}
        self._classes: dict[tuple[int, ...], _RuleClass] = {}

    @property
    def rules(self) -> Sequence[Rule]:
        """The rules that are evaluated, in the order of the rule set."""
        return self._rules

    def evaluate(
        self, fields: Fields, raw: str, sources: EventSources | None = None
    ) -> list[Match]:
        """The rules that an event satisfies, in the order of the rule set.

        Args:
            fields: The event's fields, flat.
            raw: The message as received; keywords are looked for in it.
            sources: What the event belongs to; None to read it from the fields.
        """
        return (self._route(fields) if sources is None else self._class(sources)).evaluate(
            fields, raw
        )

    def _route(self, fields: Fields) -> "_RuleClass":
        key: tuple[object, ...] = tuple(map(fields.get, ROUTING_FIELDS))
        try:
            return self._routes[key]
        except KeyError:
            pass
        except TypeError:  # a list among them
            key = tuple(tuple(part) if isinstance(part, list) else part for part in key)
            if (known := self._routes.get(key)) is not None:
                return known
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        route = self._routes[key] = self._class(sources_of(fields))
        return route

    def _class(self, sources: EventSources) -> "_RuleClass":
        numbers = tuple(
            number for number, rule in enumerate(self._rules) if sources.admits(rule.log_source)
        )
        found = self._classes.get(numbers)
        if found is None:
            if len(self._classes) >= _MAX_CLASSES:
                self._forget_classes()
            rules = [self._rules[number] for number in numbers]
            found = self._classes[numbers] = _RuleClass(rules, self._budget)
        return found

    def _forget_classes(self) -> None:
        """Start over: events name more combinations of log sources than rules can make sense of."""
        self._classes.clear()
        self._routes.clear()
        self._budget.forget_memos()


class _RuleClass:
    """The rules that one kind of event is held against."""

    def __init__(self, rules: Sequence[Rule], budget: Budget) -> None:
        self._rules = rules
        self._tests: list[Item] = []
        self._numbers: dict[Item, int] = {}
        self._conditions: list[Condition] = [
            condition_over(rule.condition, self._number) for rule in rules
        ]
        by_field: dict[str | None, list[tuple[int, Test]]] = {}
        for number, item in enumerate(self._tests):
            by_field.setdefault(item.field, []).append((number, item.test))
        self._memos = {field: Memo(TestIndex(tests), budget) for field, tests in by_field.items()}
        self._keywords = self._memos.pop(None, None)
        self._references = [
            number for number, item in enumerate(self._tests) if _is_reference(item)
        ]
        self._by_witness: dict[int, list[int]] = {}
        self._unwitnessed: list[int] = []
        self._has_reference = [
            any(_is_reference(item) for item in items(rule.condition)) for rule in rules
        ]
        for index, rule in enumerate(rules):
            witness = _witness(rule.condition)
            if witness is None:
                self._unwitnessed.append(index)
            for item in witness or ():
                self._by_witness.setdefault(self._numbers[item], []).append(index)
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._shapes: dict[tuple[str, ...], _Layout] = {}
        self._remembered_verdicts = 0

    def _number(self, item: Item) -> int:
        number = self._numbers.get(item)
        if number is None:
            number = self._numbers[item] = len(self._tests)
            self._tests.append(item)
        return number

    def evaluate(self, fields: Fields, raw: str) -> list[Match]:
        """The rules of this class that the event satisfies."""
        if not self._rules:
            return []
        layout = self._shapes.get(tuple(fields)) or self._shape(fields)
        values = layout.values(fields)
        try:
            if bool in map(type, values):
                raise TypeError("True == 1")
            # A list among them is a TypeError too: it has no hash.
            signature = tuple(map(Memo.__getitem__, layout.memos, values))  # type: ignore[arg-type]
        except TypeError:
            signature = tuple(map(_signature_of, layout.memos, values))
        if self._keywords is not None:
            found = self._keywords.index.satisfied_by_any(keyword_texts(fields, raw))
            signature += (self._keywords.number(found),)
        verdict = layout.verdicts.get(signature)
        if verdict is None:
            verdict = self._decide(layout, signature)
        if not verdict[0]:
            return []
        return list(self._matches(verdict, layout, fields, raw))

    def _shape(self, fields: Fields) -> "_Layout":
        """The layout for an event with these field names."""
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
        self._shapes[tuple(fields)] = layout
        return layout

    def _decide(self, layout: "_Layout", signature: tuple[int, ...]) -> "_Verdict":
        """Hold the candidates among the rules against a combination of signatures."""
        satisfied = self._satisfied(layout, signature)
        candidates = set(self._unwitnessed)
        for number in satisfied:
            candidates.update(self._by_witness.get(number, ()))
        # A rule that compares two fields is decided event by event.
        matching = tuple(
            index
            for index in sorted(candidates)
            if self._has_reference[index] or self._conditions[index](satisfied)
        )
        verdict = (matching, satisfied) if matching else _NOTHING
        self._remembered_verdicts += 1
        if self._remembered_verdicts > _MAX_VERDICTS or self._has_too_many_signatures():
            self._forget()
        else:
            layout.verdicts[signature] = verdict
        return verdict

    def _satisfied(self, layout: "_Layout", signature: tuple[int, ...]) -> frozenset[int]:
        memos = [*layout.memos, self._keywords] if self._keywords is not None else layout.memos
        sets = (memo.signatures[number] for memo, number in zip(memos, signature, strict=True))
        return layout.absent.union(*sets)

    def _has_too_many_signatures(self) -> bool:
        memos = [*self._memos.values(), *([self._keywords] if self._keywords else [])]
        return any(len(memo.signatures) > _MAX_SIGNATURES for memo in memos)

    def _forget(self) -> None:
        """Drop what was learned from events; the rules stay."""
        for memo in [*self._memos.values(), *([self._keywords] if self._keywords else [])]:
            memo.forget()
        self._layouts.clear()
        self._shapes.clear()
        self._remembered_verdicts = 0

    def _matches(
        self, verdict: "_Verdict", layout: "_Layout", fields: Fields, raw: str
    ) -> Iterator[Match]:
        indexes, satisfied = verdict
        if any(self._has_reference[index] for index in indexes):
            names = FieldNames(fields)
            satisfied = satisfied.union(
                number
                for number in self._references
                if _reference_holds(self._tests[number], names, fields)
            )
        for index in indexes:
            if self._has_reference[index] and not self._conditions[index](satisfied):
                continue
            rule = self._rules[index]
            holding = [
                item for item in _positive_items(rule.condition) if self._numbers[item] in satisfied
            ]
            yield Match(rule, _matched(holding, layout, fields, raw))


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
        self.verdicts: dict[tuple[int, ...], _Verdict] = {}
        self.values: Callable[[Fields], tuple[Value, ...]]
        wanted = tuple(names.values())
        if len(wanted) > 1:
            self.values = itemgetter(*wanted)
        elif wanted:
            self.values = lambda fields: (fields[wanted[0]],)
        else:
            self.values = lambda fields: ()


def _signature_of(memo: Memo, value: Value) -> int:
    if isinstance(value, list):
        return memo.of_list(value)
    return memo[text_of(value) if isinstance(value, bool) else value]


def _is_reference(item: Item) -> bool:
    return isinstance(item.test, FieldReference)


def _reference_holds(item: Item, names: FieldNames, fields: Fields) -> bool:
    test = item.test
    assert isinstance(test, FieldReference)
    own, other = names.find(item.field or ""), names.find(test.field)
    if own is None or other is None:
        return False
    return any(
        refers(test, text_of(left), text_of(right))
        for left in _elements(fields[own])
        for right in _elements(fields[other])
    )


def _elements(value: Value) -> list[Scalar]:
    return value if isinstance(value, list) else [value]


def _positive_items(node: Node) -> Iterator[Item]:
    """The items of a condition that can make it hold: those under no Not."""
    match node:
        case Item():
            yield node
        case All(nodes) | Any(nodes):
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


def _weight(item: Item) -> float:
    """About how often a test holds: rare tests make good witnesses."""
    if holds_without_value(item.test):
        return 100.0
    if isinstance(item.test, Text):
        per_place = {"equals": 2.0, "endswith": 10.0, "startswith": 20.0, "contains": 20.0}
        return per_place[item.test.place] / (1 + len(item.test.text))
    return 3.0


def _witness(node: Node) -> list[Item] | None:
    """Items of which at least one holds whenever the node does; None if there are none such.

    Field references never count: signatures don't know them.
    """
    match node:
        case Item():
            return None if _is_reference(node) else [node]
        case All(nodes):
            choices = [found for inner in nodes if (found := _witness(inner)) is not None]
            return min(choices, key=lambda found: sum(map(_weight, found)), default=None)
        case Any(nodes):
            parts = [_witness(inner) for inner in nodes]
            if any(part is None for part in parts):
                return None
            return [item for part in parts if part is not None for item in part]
        case Not():
            return None
