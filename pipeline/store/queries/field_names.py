"""Which fields events have, by what decides their log source: what rules can hope for."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.schema.event import Value
from pipeline.schema.fields import (
    FIELDS,
    LOGSOURCE_CATEGORY,
    LOGSOURCE_PRODUCT,
    LOGSOURCE_SERVICE,
)
from pipeline.store.client import NamedQuery, Row, StoreClient
from pipeline.store.queries.span import IN_SPAN, Span

MAX_KINDS = 5_000
MAX_NAMES = 2_000
_SECONDS = 120
_COLUMNS = tuple(
    (field.name, field.column)
    for field in FIELDS
    if field.column and field.name != LOGSOURCE_SERVICE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldNames:
    """The fields of events that agree in what decides their log source.

    Attributes:
        routing: ``logsource.*``, and Channel, EventID and EventType where they are given.
        names: Every field that one of them has; of very many, some.
        events: How many there are.
    """

    routing: Mapping[str, Value]
    names: frozenset[str]
    events: int


async def field_names(client: StoreClient, span: Span) -> tuple[FieldNames, ...]:
    """The fields seen in a range of time, by log source, the most frequent first.

    EventID and EventType are told apart only where there is a Channel: elsewhere they are any
    field, with any number of values.
    """
    present = ", ".join(f"countIf({column} != '') > 0" for _, column in _COLUMNS)
    rows = await client.query(
        NamedQuery(
            name="field_names",
            sql="SELECT product, category, service, attributes['Channel'] AS channel,"  # noqa: S608
            " if(channel = '', '', attributes['EventID']) AS number,"
            " if(channel = '', '', attributes['EventType']) AS type, count() AS events,"
            " groupUniqArrayArray({names:UInt32})(mapKeys(attributes)),"
            " groupUniqArrayArray({names:UInt32})(mapKeys(lists)),"
            f" [{present}]"
            f" FROM events WHERE {IN_SPAN}"
            " GROUP BY product, category, service, channel, number, type"
            " ORDER BY events DESC LIMIT {kinds:UInt32}",
            parameters={**span.parameters(), "names": MAX_NAMES, "kinds": MAX_KINDS},
            seconds=_SECONDS,
        )
    )
    return tuple(_found(row) for row in rows)


def _found(row: Row) -> FieldNames:
    product, category, service, channel, number, kind, events, scalars, lists, present = row
    given: dict[str, Value] = {
        LOGSOURCE_PRODUCT: product,
        LOGSOURCE_CATEGORY: category,
        LOGSOURCE_SERVICE: [str(one) for one in service],
        "Channel": channel,
        "EventID": number,
        "EventType": kind,
    }
    routing = {name: value for name, value in given.items() if value}
    columns = (name for (name, _), there in zip(_COLUMNS, present, strict=True) if there)
    names = frozenset((*scalars, *lists, *columns, *((LOGSOURCE_SERVICE,) if service else ())))
    return FieldNames(routing=routing, names=names, events=int(events))
