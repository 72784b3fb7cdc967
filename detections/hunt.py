"""A rule as ClickHouse SQL: the question that the engine asks of the stream, asked of the store.

Written from the compiled condition, not by a pySigma backend, so that both are the same tree with
the same meaning: a missing field satisfies nothing, a list holds if any element does, keywords are
looked for where ``event_texts`` looks. SQL's NULL never occurs: the store's columns have none.
What SQL cannot say is refused by name, and where it may differ a note says for which values;
whether it does is shown over the same events by ``detections.parity``. This module only writes
SQL down; whoever runs it chooses the span of time and the columns. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detections.compiler import All, Any, AtLeast, Item, Node, Not, Rule
from detections.log_source import LogSource, WindowsPlace, windows_places
from detections.matchers import Exists, FieldReference, Text, holds_without_value
from detections.sql_fields import FieldColumns
from detections.sql_tests import Binder, ValueTest, any_text, reference_test, value_test
from pipeline.schema.fields import LOGSOURCE_CATEGORY, LOGSOURCE_PRODUCT, LOGSOURCE_SERVICE


@dataclass(frozen=True, slots=True)
class Hunt:
    """A rule's question to the store.

    Attributes:
        columns: What the condition looks at, each ``expression AS name`` over ``events``.
        meant: That an event is of the rule's log source; over ``events``.
        condition: The rule's condition; over ``columns``.
        parameters: The values; ``{name:Type}`` stands where they go.
        notes: For which values it may say something else than the engine; usually none.
    """

    columns: Sequence[str]
    meant: str
    condition: str
    parameters: Mapping[str, object]
    notes: Sequence[str]

    def select(self, wanted: Mapping[str, str], where: str) -> str:
        """A SELECT of the rule's events.

        Args:
            wanted: Expressions over ``events``, by the name they get.
            where: Which of the events are asked for at all.
        """
        inner = [f"{expression} AS {name}" for name, expression in wanted.items()]
        return (
            f"SELECT {', '.join(wanted)} FROM (SELECT {', '.join([*inner, *self.columns])}"  # noqa: S608
            f" FROM events WHERE ({where}) AND {self.meant}) WHERE {self.condition}"
        )


def hunt(rule: Rule) -> Hunt:
    """The question which is answered by the events that the rule matches.

    Raises:
        SqlImpossible: The rule asks for something that ClickHouse cannot be asked.
    """
    binder = Binder()
    meant = _LogSourceWriter(binder).write(rule.log_source)
    columns = FieldColumns(binder)
    condition = _ConditionWriter(binder, columns).write(rule.condition)
    return Hunt(columns.written, meant, condition, binder.parameters, tuple(binder.notes))


class _LogSourceWriter:
    """Writes down that an event is what a rule is meant for (``log_source.sources_of``)."""

    def __init__(self, binder: Binder) -> None:
        self._binder = binder

    def write(self, wanted: LogSource) -> str:
        places = windows_places(wanted)
        conditions = []
        if wanted.product is not None:
            said = self._said(LOGSOURCE_PRODUCT, wanted.product)
            windows = f"({said} OR {self._is_windows()})"
            conditions.append(windows if wanted.product == "windows" else said)
        if wanted.category is not None:
            said = self._said(LOGSOURCE_CATEGORY, wanted.category)
            conditions.append(self._either(said, places.category))
        if wanted.service is not None:
            said = self._said(LOGSOURCE_SERVICE, wanted.service)
            conditions.append(self._either(said, places.service))
        return f"({' AND '.join(conditions)})" if conditions else "true"

    def _said(self, field: str, wanted: str) -> str:
        """That a parser said so."""
        columns = FieldColumns(self._binder)
        bound = self._binder.bind(wanted, "String")
        return f"has(arrayMap(one -> lowerUTF8(one), {columns.values_of(field)}), {bound})"

    def _either(self, said: str, places: Sequence[WindowsPlace]) -> str:
        """What a parser said, or what Channel and EventID of a Windows event say."""
        if not places:
            return said
        found = " OR ".join(map(self._place, places))
        return f"({said} OR ({self._is_windows()} AND ({found})))"

    def _place(self, place: WindowsPlace) -> str:
        wanted = (
            ("Channel", place.channels),
            ("EventID", place.numbers),
            ("EventType", place.event_types),
        )
        return " AND ".join(self._attribute(name, values) for name, values in wanted if values)

    def _attribute(self, name: str, wanted: Sequence[str]) -> str:
        bound = self._binder.bind(sorted(wanted), "Array(String)")
        return f"has({bound}, lowerUTF8(attributes[{self._binder.bind(name, 'String')}]))"

    def _is_windows(self) -> str:
        """A Windows event by its fields, whose parser named no other product."""
        channel, number = (self._binder.bind(name, "String") for name in ("Channel", "EventID"))
        return (
            f"(mapContains(attributes, {channel}) AND mapContains(attributes, {number})"
            " AND lowerUTF8(product) IN ('', 'windows'))"
        )


class _ConditionWriter:
    """Writes a condition down, over columns that hold the texts of fields."""

    def __init__(self, binder: Binder, columns: FieldColumns) -> None:
        self._binder = binder
        self._columns = columns

    def write(self, node: Node) -> str:
        match node:
            case Item():
                return self._item(node)
            case Not(inner):
                return f"(NOT {self.write(inner)})"
            case All(nodes):
                return f"({' AND '.join(map(self.write, nodes))})" if nodes else "true"
            case AtLeast(count, nodes):
                held = " + ".join(f"toUInt32({self.write(inner)})" for inner in nodes)
                return f"({held} >= {count})"
            case Any(nodes):
                return f"({' OR '.join(self._alternatives(nodes))})" if nodes else "false"

    def _alternatives(self, nodes: Sequence[Node]) -> list[str]:
        """Alternatives; literals of one kind on one field are asked for at once."""
        texts: dict[tuple[str | None, str, bool], list[Text]] = {}
        written = []
        for node in nodes:
            match node:
                case Item(field, Text(place, _, cased) as test):
                    texts.setdefault((field, place, cased), []).append(test)
                case _:
                    written.append(self.write(node))
        for (field, _, _), tests in texts.items():
            written.append(self._passes(field, any_text(tests, self._binder)))
        return written

    def _item(self, item: Item) -> str:
        match item.field, item.test:
            case str(field), FieldReference() as test:
                compared = reference_test(test)("own", "other")
                column = self._columns.texts if test.cased else self._columns.lowered
                own, other = column(field), column(test.field)
                return f"arrayExists(own -> arrayExists(other -> {compared}, {other}), {own})"
            case str(field), test if holds_without_value(test):
                return f"(NOT {self._columns.presence(field)})"
            case str(field), Exists():
                return f"notEmpty({self._columns.texts(field)})"
            case field, test:
                return self._passes(field, value_test(test, self._binder))

    def _passes(self, field: str | None, test: ValueTest) -> str:
        """That one of the texts of a field passes."""
        columns = self._columns
        return test.of_any(columns.lowered(field) if test.is_lowered else columns.texts(field))
