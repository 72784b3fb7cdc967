"""The Kafka error table, and the exceptions that carry its codes through the broker.

BrokerError                        -1  anything a client may hear about
├── OffsetOutOfRange                1
├── CorruptMessage                  2  retriable; also every request that cannot be decoded
├── UnknownTopicOrPartition         3  retriable (the client refreshes its metadata first)
├── NotLeaderOrFollower             6  retriable
├── RequestTimedOut                 7  retriable
├── MessageTooLarge                10
├── NetworkException               13  retriable; a peer is gone, and what it did is not known
├── CoordinatorLoadInProgress      14  retriable
├── CoordinatorNotAvailable        15  retriable
├── NotCoordinator                 16  retriable (another node is to be asked)
├── InvalidTopic                   17
├── NotEnoughReplicas              19  retriable
├── NotEnoughReplicasAfterAppend   20  retriable
├── InvalidRequiredAcks            21
├── IllegalGeneration              22
├── InconsistentGroupProtocol      23
├── InvalidGroupId                 24
├── UnknownMemberId                25
├── InvalidSessionTimeout          26
├── RebalanceInProgress            27
├── TopicAuthorizationFailed       29
├── GroupAuthorizationFailed       30
├── ClusterAuthorizationFailed     31
├── InvalidTimestamp               32
├── UnsupportedSaslMechanism       33
├── IllegalSaslState               34
├── UnsupportedVersion             35
├── TopicAlreadyExists             36
├── InvalidPartitions              37
├── InvalidReplicationFactor       38
├── InvalidReplicaAssignment       39
├── InvalidConfig                  40
├── NotController                  41  retriable; also: the controller cannot be reached
├── InvalidRequest                 42
├── UnsupportedForMessageFormat    43
├── PolicyViolation                44
├── OutOfOrderSequence             45
├── InvalidProducerEpoch           47
├── InvalidTxnState                48
├── InvalidProducerIdMapping       49
├── InvalidTransactionTimeout      50
├── ConcurrentTransactions         51  retriable
├── TransactionCoordinatorFenced   52
├── TransactionalIdAuthorizationFailed  53
├── SecurityDisabled               54
├── StorageError                   56  retriable elsewhere; this log directory is out of service
├── SaslAuthenticationFailed       58
├── UnknownProducerId              59
├── NonEmptyGroup                  68
├── GroupIdNotFound                69
├── FetchSessionIdNotFound         70  retriable (with a full fetch)
├── InvalidFetchSessionEpoch       71  retriable (with a full fetch)
├── FencedLeaderEpoch              74  retriable
├── UnknownLeaderEpoch             75  retriable
├── UnsupportedCompressionType     76
├── StaleBrokerEpoch               77
├── MemberIdRequired               79
├── PreferredLeaderNotAvailable    80  retriable
├── GroupMaxSizeReached            81
├── FencedInstanceId               82
├── EligibleLeadersNotAvailable    83  retriable
├── ElectionNotNeeded              84  retriable
├── NoReassignmentInProgress       85
├── InvalidRecord                  87
├── ProducerFenced                 90
├── ResourceNotFound               91
├── DuplicateResource              92
├── UnacceptableCredential         93
├── InvalidUpdateVersion           95
├── UnknownTopicId                100  retriable
├── DuplicateBrokerRegistration   101
├── BrokerIdNotRegistered         102
├── InconsistentClusterId         104
├── TransactionalIdNotFound       105
├── IneligibleReplica             107
├── FrameTooLarge                   -  closes the connection; nothing is answered
└── ConnectionRefused               -  closes the connection; nothing is answered

Code numbers and retriability: Kafka protocol guide, "Error Codes".
"""

from typing import ClassVar

from broker_core.error_codes import ErrorCode as ErrorCode


class BrokerError(Exception):
    """Any failure a client may hear about; the text goes to clients where the answer has room."""

    code: ClassVar[ErrorCode] = ErrorCode.UNKNOWN_SERVER_ERROR


class OffsetOutOfRange(BrokerError):
    """The offset lies outside [log start, high watermark]."""

    code = ErrorCode.OFFSET_OUT_OF_RANGE

    def __init__(self, *, requested: int, log_start: int, high_watermark: int) -> None:
        super().__init__(f"offset {requested} is outside [{log_start}, {high_watermark}]")
        self.requested = requested
        self.log_start = log_start
        self.high_watermark = high_watermark


class CorruptMessage(BrokerError):
    """Bytes that are not what the protocol says: cut off, too long, wrong checksum."""

    code = ErrorCode.CORRUPT_MESSAGE


class UnknownTopicOrPartition(BrokerError):
    """This broker does not hold the topic or partition."""

    code = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


class NotLeaderOrFollower(BrokerError):
    """This broker does not lead the partition."""

    code = ErrorCode.NOT_LEADER_OR_FOLLOWER


class RequestTimedOut(BrokerError):
    """The request's own time limit passed."""

    code = ErrorCode.REQUEST_TIMED_OUT


class MessageTooLarge(BrokerError):
    """A record batch is larger than the topic takes."""

    code = ErrorCode.MESSAGE_TOO_LARGE


class NetworkException(BrokerError):
    """The connection to a peer is gone or was never made; what it did is not known."""

    code = ErrorCode.NETWORK_EXCEPTION


class CoordinatorNotAvailable(BrokerError):
    """The group coordinator does not serve yet or any more."""

    code = ErrorCode.COORDINATOR_NOT_AVAILABLE


class CoordinatorLoadInProgress(BrokerError):
    """This node begins to coordinate the group or transactional id, and does not know it yet."""

    code = ErrorCode.COORDINATOR_LOAD_IN_PROGRESS


class NotCoordinator(BrokerError):
    """Another node coordinates the group or transactional id."""

    code = ErrorCode.NOT_COORDINATOR


class InvalidTopic(BrokerError):
    """The topic's name is not legal, or the operation is not for this topic."""

    code = ErrorCode.INVALID_TOPIC_EXCEPTION


class NotEnoughReplicas(BrokerError):
    """Fewer replicas are in sync than acks=all wants here; nothing was written."""

    code = ErrorCode.NOT_ENOUGH_REPLICAS


class NotEnoughReplicasAfterAppend(BrokerError):
    """It was written, but fewer replicas are in sync than acks=all wants here."""

    code = ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND


class InvalidRequiredAcks(BrokerError):
    """acks is not -1, 0 or 1."""

    code = ErrorCode.INVALID_REQUIRED_ACKS


class IllegalGeneration(BrokerError):
    """The member speaks of another generation of its group."""

    code = ErrorCode.ILLEGAL_GENERATION


class InconsistentGroupProtocol(BrokerError):
    """The member shares no assignment protocol with its group."""

    code = ErrorCode.INCONSISTENT_GROUP_PROTOCOL


class InvalidGroupId(BrokerError):
    """The group's name is empty where one is needed."""

    code = ErrorCode.INVALID_GROUP_ID


class UnknownMemberId(BrokerError):
    """The group has no such member (any more)."""

    code = ErrorCode.UNKNOWN_MEMBER_ID


class InvalidSessionTimeout(BrokerError):
    """The session timeout is outside what the broker allows."""

    code = ErrorCode.INVALID_SESSION_TIMEOUT


class RebalanceInProgress(BrokerError):
    """The group is rebalancing; the member must join again."""

    code = ErrorCode.REBALANCE_IN_PROGRESS


class TopicAuthorizationFailed(BrokerError):
    """The principal may not do this to the topic."""

    code = ErrorCode.TOPIC_AUTHORIZATION_FAILED


class GroupAuthorizationFailed(BrokerError):
    """The principal may not do this to the group."""

    code = ErrorCode.GROUP_AUTHORIZATION_FAILED


class ClusterAuthorizationFailed(BrokerError):
    """The principal may not do this to the cluster."""

    code = ErrorCode.CLUSTER_AUTHORIZATION_FAILED


class InvalidTimestamp(BrokerError):
    """A record's timestamp is outside what the topic takes."""

    code = ErrorCode.INVALID_TIMESTAMP


class UnsupportedSaslMechanism(BrokerError):
    """The client asked for a mechanism that is not enabled."""

    code = ErrorCode.UNSUPPORTED_SASL_MECHANISM


class IllegalSaslState(BrokerError):
    """A SASL request came out of order."""

    code = ErrorCode.ILLEGAL_SASL_STATE


class UnsupportedVersion(BrokerError):
    """The request's version, or what it asks for, is not supported."""

    code = ErrorCode.UNSUPPORTED_VERSION


class TopicAlreadyExists(BrokerError):
    """A topic of that name exists."""

    code = ErrorCode.TOPIC_ALREADY_EXISTS


class InvalidPartitions(BrokerError):
    """The number of partitions is not possible."""

    code = ErrorCode.INVALID_PARTITIONS


class InvalidReplicationFactor(BrokerError):
    """There are fewer brokers than copies asked for."""

    code = ErrorCode.INVALID_REPLICATION_FACTOR


class InvalidReplicaAssignment(BrokerError):
    """The replicas named do not exist or do not add up."""

    code = ErrorCode.INVALID_REPLICA_ASSIGNMENT


class InvalidConfig(BrokerError):
    """A setting's name is unknown or its value is not legal."""

    code = ErrorCode.INVALID_CONFIG


class NotController(BrokerError):
    """The controller cannot be reached, or what was asked for is not its job."""

    code = ErrorCode.NOT_CONTROLLER


class InvalidRequest(BrokerError):
    """A well-formed request that makes no sense."""

    code = ErrorCode.INVALID_REQUEST


class UnsupportedForMessageFormat(BrokerError):
    """Records in a format before RecordBatch v2."""

    code = ErrorCode.UNSUPPORTED_FOR_MESSAGE_FORMAT


class PolicyViolation(BrokerError):
    """A limit of this broker forbids it."""

    code = ErrorCode.POLICY_VIOLATION


class OutOfOrderSequence(BrokerError):
    """An idempotent producer's sequence has a gap."""

    code = ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


class InvalidProducerEpoch(BrokerError):
    """An older incarnation of an idempotent producer still writes."""

    code = ErrorCode.INVALID_PRODUCER_EPOCH


class InvalidTxnState(BrokerError):
    """The transaction is in no state in which this could be done."""

    code = ErrorCode.INVALID_TXN_STATE


class InvalidProducerIdMapping(BrokerError):
    """The transactional id belongs to another producer id, or to none."""

    code = ErrorCode.INVALID_PRODUCER_ID_MAPPING


class InvalidTransactionTimeout(BrokerError):
    """The transaction timeout is outside what the broker allows."""

    code = ErrorCode.INVALID_TRANSACTION_TIMEOUT


class ConcurrentTransactions(BrokerError):
    """The transaction before is still being ended; the same request may succeed soon."""

    code = ErrorCode.CONCURRENT_TRANSACTIONS


class TransactionCoordinatorFenced(BrokerError):
    """A newer coordinator has taken over the transactional id."""

    code = ErrorCode.TRANSACTION_COORDINATOR_FENCED


class TransactionalIdAuthorizationFailed(BrokerError):
    """The principal may not use the transactional id."""

    code = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


class SecurityDisabled(BrokerError):
    """Access control lists are not in use."""

    code = ErrorCode.SECURITY_DISABLED


class StorageError(BrokerError):
    """The log directory failed; it stays out of service until the broker restarts."""

    code = ErrorCode.KAFKA_STORAGE_ERROR


class SaslAuthenticationFailed(BrokerError):
    """The credentials are wrong."""

    code = ErrorCode.SASL_AUTHENTICATION_FAILED


class UnknownProducerId(BrokerError):
    """Nothing is known of the producer, yet it does not begin at sequence 0."""

    code = ErrorCode.UNKNOWN_PRODUCER_ID


class NonEmptyGroup(BrokerError):
    """The group still has members."""

    code = ErrorCode.NON_EMPTY_GROUP


class GroupIdNotFound(BrokerError):
    """There is no group of that name."""

    code = ErrorCode.GROUP_ID_NOT_FOUND


class FetchSessionIdNotFound(BrokerError):
    """The broker has forgotten the fetch session, or never knew it."""

    code = ErrorCode.FETCH_SESSION_ID_NOT_FOUND


class InvalidFetchSessionEpoch(BrokerError):
    """The fetch is not the next one of its session."""

    code = ErrorCode.INVALID_FETCH_SESSION_EPOCH


class FencedLeaderEpoch(BrokerError):
    """The sender knows an earlier leader of the partition than this broker."""

    code = ErrorCode.FENCED_LEADER_EPOCH


class UnknownLeaderEpoch(BrokerError):
    """The client has heard of a later leader than this broker."""

    code = ErrorCode.UNKNOWN_LEADER_EPOCH


class UnsupportedCompressionType(BrokerError):
    """The batch is compressed in a way this broker does not know."""

    code = ErrorCode.UNSUPPORTED_COMPRESSION_TYPE


class StaleBrokerEpoch(BrokerError):
    """The node registered anew since it knew this."""

    code = ErrorCode.STALE_BROKER_EPOCH


class MemberIdRequired(BrokerError):
    """The member must join again with the id it was given (KIP-394)."""

    code = ErrorCode.MEMBER_ID_REQUIRED


class PreferredLeaderNotAvailable(BrokerError):
    """The first replica of the partition cannot lead as things stand."""

    code = ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE


class GroupMaxSizeReached(BrokerError):
    """The group has as many members as it may."""

    code = ErrorCode.GROUP_MAX_SIZE_REACHED


class FencedInstanceId(BrokerError):
    """Another member took over this static instance id (KIP-345)."""

    code = ErrorCode.FENCED_INSTANCE_ID


class EligibleLeadersNotAvailable(BrokerError):
    """No replica of the partition is alive."""

    code = ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE


class ElectionNotNeeded(BrokerError):
    """The partition has the leader that was asked for."""

    code = ErrorCode.ELECTION_NOT_NEEDED


class NoReassignmentInProgress(BrokerError):
    """There is no reassignment of the partition to end."""

    code = ErrorCode.NO_REASSIGNMENT_IN_PROGRESS


class InvalidRecord(BrokerError):
    """A record the topic does not take.

    Attributes:
        indexes: The records it is about, by their place in the batch; empty for the batch itself.
    """

    code = ErrorCode.INVALID_RECORD

    def __init__(self, message: str, *, indexes: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.indexes = indexes


class ProducerFenced(BrokerError):
    """A newer incarnation of the transactional producer has begun, or its transaction timed out."""

    code = ErrorCode.PRODUCER_FENCED


class InvalidUpdateVersion(BrokerError):
    """What was to be changed has changed since; compare and swap failed."""

    code = ErrorCode.INVALID_UPDATE_VERSION


class ResourceNotFound(BrokerError):
    """There is no such credential."""

    code = ErrorCode.RESOURCE_NOT_FOUND


class DuplicateResource(BrokerError):
    """The request names the same thing twice."""

    code = ErrorCode.DUPLICATE_RESOURCE


class UnacceptableCredential(BrokerError):
    """The credential is not one that may be kept."""

    code = ErrorCode.UNACCEPTABLE_CREDENTIAL


class UnknownTopicId(BrokerError):
    """No topic has that id."""

    code = ErrorCode.UNKNOWN_TOPIC_ID


class TransactionalIdNotFound(BrokerError):
    """Nobody has used the transactional id, or not for long."""

    code = ErrorCode.TRANSACTIONAL_ID_NOT_FOUND


class DuplicateBrokerRegistration(BrokerError):
    """Another process with this node id is alive."""

    code = ErrorCode.DUPLICATE_BROKER_REGISTRATION


class BrokerIdNotRegistered(BrokerError):
    """The controller knows no node of that id."""

    code = ErrorCode.BROKER_ID_NOT_REGISTERED


class InconsistentClusterId(BrokerError):
    """The node belongs to another cluster."""

    code = ErrorCode.INCONSISTENT_CLUSTER_ID


class IneligibleReplica(BrokerError):
    """A node that is fenced or registered anew may not join an in-sync set."""

    code = ErrorCode.INELIGIBLE_REPLICA


class FrameTooLarge(BrokerError):
    """A frame announces more bytes than are accepted; the stream cannot be read any further."""


class ConnectionRefused(BrokerError):
    """The client broke a rule after which its connection is of no use; it is closed."""


def error_of(code: int, text: str) -> BrokerError:
    """Return the exception for an error code that a peer answered with; of its class if it has one.

    An exception of no class of its own is a BrokerError whose text names the code.
    """
    for each in BrokerError.__subclasses__():
        if each.code == code and each not in _NEVER_ANSWERED:
            return each(text)
    named = ErrorCode(code).name if code in {int(each) for each in ErrorCode} else str(code)
    return BrokerError(f"{text}: {named}")


_NEVER_ANSWERED = (OffsetOutOfRange, FrameTooLarge, ConnectionRefused)
