"""Blocks of producer ids for nodes: each is given once, whatever becomes of who got it. Pure."""

from dataclasses import replace

from broker_core.protocol.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import check_epoch

BLOCK_IDS = 1000


def allocate(
    state: ControllerState, request: AllocateProducerIdsRequest
) -> tuple[ControllerState, AllocateProducerIdsResponse]:
    """Give the next block (key 67, KIP-730).

    Raises:
        BrokerIdNotRegistered: The sender has never registered.
        StaleBrokerEpoch: The sender registered anew since.
    """
    check_epoch(state, request.broker_id, request.broker_epoch)
    first = state.next_producer_id
    answer = AllocateProducerIdsResponse(
        error_code=0, producer_id_start=first, producer_id_len=BLOCK_IDS
    )
    return replace(state, next_producer_id=first + BLOCK_IDS), answer
