"""The texts of an event's fields as ClickHouse columns over ``events``. Pure.

Says what ``field_mapping.FieldNames``, ``event_texts`` and ``matchers.text_of`` say: which of an
event's fields a rule's name means, where keywords are looked for, and the text a value compares by.
"""

from detections.field_mapping import STAND_INS
from detections.sql_tests import Binder
from pipeline.schema.fields import (
    BY_NAME,
    FIELDS,
    LOGSOURCE_CATEGORY,
    LOGSOURCE_PRODUCT,
    LOGSOURCE_SERVICE,
    PARSE_ERROR,
    TIME_ERROR,
)

# Fields whose columns hold no value of the event: keywords are not looked for there.
_NOT_VALUES = frozenset({LOGSOURCE_PRODUCT, LOGSOURCE_CATEGORY, LOGSOURCE_SERVICE, PARSE_ERROR})
_VALUE_COLUMNS = tuple(
    field.column for field in FIELDS if field.column and field.name not in _NOT_VALUES
)


class FieldColumns:
    """Names the columns that a condition looks at, and writes down what they are.

    Attributes:
        written: Each ``expression AS name``, an array of texts or a truth.
    """

    def __init__(self, binder: Binder) -> None:
        self.written: list[str] = []
        self._binder = binder
        self._names: dict[tuple[str, str | None], str] = {}

    def texts(self, field: str | None) -> str:
        """The column of a field's texts, empty if it is missing; None: of all values."""
        return self._column(
            "texts", field, self._keywords() if field is None else self._values(field)
        )

    def lowered(self, field: str | None) -> str:
        """The column of a field's texts in lower case."""
        texts = self.texts(field)
        return self._column("lowered", field, f"arrayMap(one -> lowerUTF8(one), {texts})")

    def presence(self, field: str) -> str:
        """The column that says whether an event has a field."""
        found = " OR ".join(present for present, _ in self._spellings(field))
        return self._column("presence", field, f"({found})")

    def values_of(self, name: str) -> str:
        """The texts of the field of exactly this name."""
        bound = self._binder.bind(name, "String")
        if name == LOGSOURCE_SERVICE:
            return "arrayMap(one -> toString(one), service)"
        column = _column_of(name)
        if column is not None:
            there = f"{column} != '' OR JSONHas(typed, {bound})"
            return f"arrayConcat(if({there}, [toString({column})], []), {self._list(bound)})"
        text = f"attributes[{bound}]"
        is_float = f"endsWith({text}, '.0') AND JSONType(typed, {bound}) = 'Double'"
        whole = f"if({is_float}, substring({text}, 1, length({text}) - 2), {text})"
        scalar = f"if(mapContains(attributes, {bound}), [{whole}], [])"
        return f"arrayConcat({scalar}, {self._list(bound)})"

    def _list(self, bound: str) -> str:
        """The texts of a list; a whole number that came as a float is without its fraction."""
        texts = f"lists[{bound}]"
        cut = "if(endsWith(one, '.0') AND raw = one, substring(one, 1, length(one) - 2), one)"
        whole = f"arrayMap((one, raw) -> {cut}, {texts}, JSONExtractArrayRaw(typed, {bound}))"
        return f"if(arrayExists(one -> endsWith(one, '.0'), {texts}), {whole}, {texts})"

    def _column(self, kind: str, field: str | None, expression: str) -> str:
        name = self._names.get((kind, field))
        if name is None:
            name = self._names[kind, field] = f"{kind}{len(self._names)}"
            self.written.append(f"{expression} AS {name}")
        return name

    def _values(self, field: str) -> str:
        written = "emptyArrayString()"
        for present, values in reversed(self._spellings(field)):
            written = f"if({present}, {values}, {written})"
        return written

    def _spellings(self, field: str) -> list[tuple[str, str]]:
        """Presence and values under each name that a rule's may mean; the first present counts."""
        names = [field, field.replace(" ", "")] if " " in field else [field]
        found = [(self._is_present(name), self.values_of(name)) for name in names]
        if " " not in field:
            found.append(self._spaced(field))
        if field in STAND_INS:
            other = STAND_INS[field]
            found.append((self._is_present(other), self.values_of(other)))
        return found

    def _is_present(self, name: str) -> str:
        bound = self._binder.bind(name, "String")
        if name == LOGSOURCE_SERVICE:
            return "notEmpty(service)"
        column = _column_of(name)
        scalar = (
            f"{column} != '' OR JSONHas(typed, {bound})"
            if column
            else f"mapContains(attributes, {bound})"
        )
        return f"({scalar} OR mapContains(lists, {bound}))"

    def _spaced(self, field: str) -> tuple[str, str]:
        """A field whose name has spaces that the rule leaves out, as Defender's ``Threat Name``."""
        bound = self._binder.bind(field, "String")
        alike = f"position(name, ' ') > 0 AND replaceAll(name, ' ', '') = {bound}"
        present = f"arrayExists(name -> {alike}, arrayConcat(mapKeys(attributes), mapKeys(lists)))"
        values = (
            f"arrayConcat(mapValues(mapFilter((name, value) -> {alike}, attributes)),"
            f" arrayFlatten(mapValues(mapFilter((name, value) -> {alike}, lists))))"
        )
        return present, values

    def _keywords(self) -> str:
        """The texts in which keywords are looked for."""
        hidden = self._binder.bind(TIME_ERROR, "String")
        columns = ", ".join(f"toString({column})" for column in _VALUE_COLUMNS)
        shown = f"(name, value) -> name != {hidden} AND NOT startsWith(name, 'logsource.')"
        return (
            f"arrayConcat(arrayFilter(one -> one != '', [{columns}]),"
            f" mapValues(mapFilter({shown}, attributes)),"
            f" arrayFlatten(mapValues(mapFilter({shown}, lists))),"
            " if(raw = '' OR startsWith(raw, '{'), [], [raw]))"
        )


def _column_of(name: str) -> str | None:
    known = BY_NAME.get(name)
    return known.column if known else None
