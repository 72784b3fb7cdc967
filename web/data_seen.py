"""What the stored data has for rules: log sources and fields, asked of the store."""

from detections.data_seen import DataSeen, seen_of
from pipeline.store.client import StoreClient
from pipeline.store.queries.field_names import field_names
from pipeline.store.queries.span import Span


async def data_seen(store: StoreClient, span: Span) -> DataSeen:
    """The log sources and fields of the events of a span."""
    found = await field_names(store, span)
    return seen_of((one.routing, one.names, one.events) for one in found)
