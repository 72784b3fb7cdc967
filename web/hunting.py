"""Rules as questions to the store: the events that one finds, in a span or between offsets."""

from detections.hunt import Hunt
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.event_rows import EVENT_COLUMNS
from pipeline.store.queries.span import IN_SPAN, Span
from pipeline.store.rows import StoredEvent, event_of

MAX_FOUND = 1_000
_SECONDS = 120
_IN_RANGE = (
    "topic = {in_topic:String} AND partition = {in_partition:Int32}"
    " AND offset >= {in_start:Int64} AND offset < {in_end:Int64}"
)


async def hunted(
    store: StoreClient, question: Hunt, span: Span, *, limit: int = MAX_FOUND
) -> list[StoredEvent]:
    """The newest events of a span that a rule finds, at most ``limit``."""
    wanted = {f"found{at}": column for at, column in enumerate(EVENT_COLUMNS)}
    newest = " ORDER BY found1 DESC, found0 LIMIT {found_limit:UInt32}"
    rows = await store.query(
        NamedQuery(
            name="rule_hunt",
            sql=question.select(wanted, IN_SPAN) + newest,
            parameters={
                **question.parameters,
                **span.parameters(),
                "found_limit": min(limit, MAX_FOUND),
            },
            seconds=_SECONDS,
        )
    )
    return [event_of(row) for row in rows]


async def ids_in_range(
    store: StoreClient, question: Hunt, partition: TopicPartition, span: OffsetRange
) -> frozenset[str]:
    """The ids of the stored events of a range of offsets that a rule finds."""
    rows = await store.query(
        NamedQuery(
            name="rule_parity",
            sql=question.select({"found": "toString(id)"}, _IN_RANGE),
            parameters={
                **question.parameters,
                "in_topic": partition.topic,
                "in_partition": partition.partition,
                "in_start": span.start,
                "in_end": span.end,
            },
            seconds=_SECONDS,
        )
    )
    return frozenset(row[0] for row in rows)
