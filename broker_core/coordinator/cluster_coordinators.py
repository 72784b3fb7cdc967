"""ClusterCoordinators: who coordinates a transactional id of a cluster, here or on another node."""

from collections.abc import Sequence

from broker_core.coordinator.shards import shard_of
from broker_core.coordinator.transaction import ProducerIdentity, TopicPartition
from broker_core.coordinator.transaction_registry import TransactionRegistry, Verified
from broker_core.errors import CoordinatorNotAvailable, ErrorCode, error_of
from broker_core.log.file_layout import TRANSACTION_STATE
from broker_core.protocol.controller_apis import VERIFY_TRANSACTION
from broker_core.protocol.messages.verify_transaction import (
    VerifiedTopic,
    VerifyTransactionRequest,
    VerifyTransactionResponse,
)
from broker_core.replication.cluster_state import ClusterState, Partition
from broker_core.replication.siblings import Siblings

_ANSWER_SECONDS = 5.0


class ClusterCoordinators:
    """Finds and asks the coordinator of a transactional id.

    Args:
        own: What this node coordinates.
    """

    def __init__(self, own: TransactionRegistry, siblings: Siblings, *, node_id: int) -> None:
        self._own = own
        self._siblings = siblings
        self._node_id = node_id

    async def verify(
        self,
        transactional_id: str,
        producer: ProducerIdentity,
        partitions: Sequence[TopicPartition],
    ) -> Verified:
        """See ``TransactionRegistry.verify``.

        Raises:
            BrokerError: What the coordinator answers, or it does not.
        """
        known = _place_of(transactional_id, self._siblings.state)
        if known is None:
            raise CoordinatorNotAvailable(f"{TRANSACTION_STATE} is not there")
        if known.leader == self._node_id:
            return await self._own.verify(transactional_id, producer, partitions)

        def holds(state: ClusterState) -> bool:
            now = _place_of(transactional_id, state)
            return now is not None and now.leader == known.leader and state.is_alive(now.leader)

        response: VerifyTransactionResponse = await self._siblings.ask(
            known.leader,
            verify_request(transactional_id, producer, partitions),
            VERIFY_TRANSACTION.max_version,
            seconds=_ANSWER_SECONDS,
            holds=holds,
        )
        if response.error_code != ErrorCode.NONE:
            raise error_of(response.error_code, f"node {known.leader}")
        added = {(topic.name, each) for topic in response.topics for each in topic.partitions}
        return Verified(response.coordinator_epoch, frozenset(added))


def verify_request(
    transactional_id: str, producer: ProducerIdentity, partitions: Sequence[TopicPartition]
) -> VerifyTransactionRequest:
    """Return the request to verify a producer's transaction."""
    return VerifyTransactionRequest(
        transactional_id=transactional_id,
        producer_id=producer.producer_id,
        producer_epoch=producer.epoch,
        topics=verified_topics(partitions),
    )


def verified_topics(partitions: Sequence[TopicPartition]) -> tuple[VerifiedTopic, ...]:
    """Return partitions by topic, as the messages have them."""
    topics: dict[str, list[int]] = {}
    for topic, number in partitions:
        topics.setdefault(topic, []).append(number)
    return tuple(
        VerifiedTopic(name=topic, partitions=tuple(numbers)) for topic, numbers in topics.items()
    )


def _place_of(transactional_id: str, state: ClusterState) -> Partition | None:
    topic = state.topics.get(TRANSACTION_STATE)
    if topic is None:
        return None
    return topic.partitions[shard_of(transactional_id, len(topic.partitions))]
