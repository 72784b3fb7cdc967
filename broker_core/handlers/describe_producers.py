"""API key 61, DescribeProducers, version 0: who writes to partitions, and what is open (KIP-664).

The leader of a partition answers, to who may read it. A producer is told as long as the partition
remembers it (``producer_expiry``); one with an open transaction always is. With that and
DescribeTransactions an operator finds transactions that nobody will end.

Not done: nothing that is known of.
"""

from broker_core.errors import BrokerError, TopicAuthorizationFailed
from broker_core.handlers.services import Call
from broker_core.log.producer_snapshot import Producer
from broker_core.protocol.messages.describe_producers import (
    ActiveProducer,
    DescribedPartitionProducers,
    DescribedTopicProducers,
    DescribeProducersRequest,
    DescribeProducersResponse,
)


async def handle(request: DescribeProducersRequest, call: Call) -> DescribeProducersResponse:
    """Describe each partition; each has its own outcome."""
    return DescribeProducersResponse(
        topics=tuple(
            DescribedTopicProducers(
                name=topic.name,
                partitions=tuple(
                    _describe(topic.name, index, call) for index in topic.partition_indexes
                ),
            )
            for topic in request.topics
        )
    )


def _describe(topic: str, index: int, call: Call) -> DescribedPartitionProducers:
    try:
        if not call.may_read(topic):
            raise TopicAuthorizationFailed(topic)
        log = call.services.replicas.leading(topic, index).log
    except BrokerError as error:
        return DescribedPartitionProducers(
            partition_index=index,
            error_code=error.code,
            error_message=str(error),
            active_producers=(),
        )
    started = log.open_transactions
    return DescribedPartitionProducers(
        partition_index=index,
        error_code=0,
        active_producers=tuple(
            _producer(producer_id, producer, started.get(producer_id, -1))
            for producer_id, producer in log.producers.items()
        ),
    )


def _producer(producer_id: int, producer: Producer, start_offset: int) -> ActiveProducer:
    return ActiveProducer(
        producer_id=producer_id,
        producer_epoch=producer.epoch,
        last_sequence=producer.batches[-1].last_sequence if producer.batches else -1,
        last_timestamp=producer.written_ms,
        coordinator_epoch=producer.coordinator_epoch,
        current_txn_start_offset=start_offset,
    )
