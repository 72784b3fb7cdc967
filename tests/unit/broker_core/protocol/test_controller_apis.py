"""The APIs that nodes and their controller speak, and clients do not."""

from broker_core.protocol.api_keys import APIS, METADATA
from broker_core.protocol.controller_apis import (
    ALLOCATE_PRODUCER_IDS,
    CONTROLLER_APIS,
    NODE_APIS,
    VERIFY_TRANSACTION,
    WATCH_CLUSTER,
    api_of,
)
from broker_core.protocol.messages.allocate_producer_ids import AllocateProducerIdsRequest
from broker_core.protocol.messages.metadata import MetadataRequest


def test_clients_are_told_of_none_of_them() -> None:
    assert not CONTROLLER_APIS.keys() & APIS.keys()
    assert not NODE_APIS.keys() & APIS.keys()


def test_our_own_keys_are_far_from_kafkas() -> None:
    assert WATCH_CLUSTER.key > 1000
    assert VERIFY_TRANSACTION.key > 1000


def test_a_request_tells_its_api() -> None:
    assert api_of(MetadataRequest(topics=None)) is METADATA
    assert api_of(AllocateProducerIdsRequest(broker_id=1, broker_epoch=1)) is ALLOCATE_PRODUCER_IDS
