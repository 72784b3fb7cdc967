"""VerifyTransaction (key 10002): request and response, version 0; ours alone, for nodes only.

Apache Kafka's nodes ask this with AddPartitionsToTxn version 4 (KIP-890). Its answer does not say
in which epoch the coordinator coordinates, so a coordinator that has been replaced and has not
heard of it could let a transaction begin that nobody would end.
"""

from dataclasses import dataclass

from broker_core.protocol.primitives import Int16, Int32, Int64, String


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedTopic:
    """Partitions of one topic."""

    name: String
    partitions: tuple[Int32, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyTransactionRequest:
    """Ask the coordinator whether a producer may write to partitions in its transaction."""

    transactional_id: String
    producer_id: Int64
    producer_epoch: Int16
    topics: tuple[VerifiedTopic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyTransactionResponse:
    """The partitions that the transaction has added, on disk; or why the producer has none.

    ``coordinator_epoch``: what the markers of this coordinator carry.
    """

    error_code: Int16
    coordinator_epoch: Int32 = -1
    topics: tuple[VerifiedTopic, ...] = ()
