"""The Kafka error table, and the exceptions that carry its codes through the broker.

BrokerError                        -1  anything a client may hear about
├── OffsetOutOfRange                1
├── CorruptMessage                  2  retriable; also every request that cannot be decoded
├── UnknownTopicOrPartition         3  retriable (the client refreshes its metadata first)
├── NotLeaderOrFollower             6  retriable
├── RequestTimedOut                 7  retriable
├── MessageTooLarge                10
├── CoordinatorNotAvailable        15  retriable
├── InvalidTopic                   17
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
├── InvalidRequest                 42
├── UnsupportedForMessageFormat    43
├── PolicyViolation                44
├── OutOfOrderSequence             45
├── InvalidProducerEpoch           47
├── TransactionalIdAuthorizationFailed  53
├── StorageError                   56  retriable elsewhere; this log directory is out of service
├── SaslAuthenticationFailed       58
├── UnknownProducerId              59
├── NonEmptyGroup                  68
├── GroupIdNotFound                69
├── UnknownLeaderEpoch             75  retriable
├── UnsupportedCompressionType     76
├── MemberIdRequired               79
├── GroupMaxSizeReached            81
├── FencedInstanceId               82
├── InvalidRecord                  87
├── UnknownTopicId                100  retriable
├── FrameTooLarge                   -  closes the connection; nothing is answered
└── ConnectionRefused               -  closes the connection; nothing is answered

Code numbers and retriability: Kafka protocol guide, "Error Codes".
"""

from enum import IntEnum
from typing import ClassVar


class ErrorCode(IntEnum):
    """Every error code of the protocol guide, by its name there."""

    UNKNOWN_SERVER_ERROR = -1
    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    INVALID_FETCH_SIZE = 4
    LEADER_NOT_AVAILABLE = 5
    NOT_LEADER_OR_FOLLOWER = 6
    REQUEST_TIMED_OUT = 7
    BROKER_NOT_AVAILABLE = 8
    REPLICA_NOT_AVAILABLE = 9
    MESSAGE_TOO_LARGE = 10
    STALE_CONTROLLER_EPOCH = 11
    OFFSET_METADATA_TOO_LARGE = 12
    NETWORK_EXCEPTION = 13
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    INVALID_TOPIC_EXCEPTION = 17
    RECORD_LIST_TOO_LARGE = 18
    NOT_ENOUGH_REPLICAS = 19
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    INVALID_COMMIT_OFFSET_SIZE = 28
    TOPIC_AUTHORIZATION_FAILED = 29
    GROUP_AUTHORIZATION_FAILED = 30
    CLUSTER_AUTHORIZATION_FAILED = 31
    INVALID_TIMESTAMP = 32
    UNSUPPORTED_SASL_MECHANISM = 33
    ILLEGAL_SASL_STATE = 34
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REPLICA_ASSIGNMENT = 39
    INVALID_CONFIG = 40
    NOT_CONTROLLER = 41
    INVALID_REQUEST = 42
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43
    POLICY_VIOLATION = 44
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    DUPLICATE_SEQUENCE_NUMBER = 46
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    INVALID_TRANSACTION_TIMEOUT = 50
    CONCURRENT_TRANSACTIONS = 51
    TRANSACTION_COORDINATOR_FENCED = 52
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
    SECURITY_DISABLED = 54
    OPERATION_NOT_ATTEMPTED = 55
    KAFKA_STORAGE_ERROR = 56
    LOG_DIR_NOT_FOUND = 57
    SASL_AUTHENTICATION_FAILED = 58
    UNKNOWN_PRODUCER_ID = 59
    REASSIGNMENT_IN_PROGRESS = 60
    DELEGATION_TOKEN_AUTH_DISABLED = 61
    DELEGATION_TOKEN_NOT_FOUND = 62
    DELEGATION_TOKEN_OWNER_MISMATCH = 63
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65
    DELEGATION_TOKEN_EXPIRED = 66
    INVALID_PRINCIPAL_TYPE = 67
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    FETCH_SESSION_ID_NOT_FOUND = 70
    INVALID_FETCH_SESSION_EPOCH = 71
    LISTENER_NOT_FOUND = 72
    TOPIC_DELETION_DISABLED = 73
    FENCED_LEADER_EPOCH = 74
    UNKNOWN_LEADER_EPOCH = 75
    UNSUPPORTED_COMPRESSION_TYPE = 76
    STALE_BROKER_EPOCH = 77
    OFFSET_NOT_AVAILABLE = 78
    MEMBER_ID_REQUIRED = 79
    PREFERRED_LEADER_NOT_AVAILABLE = 80
    GROUP_MAX_SIZE_REACHED = 81
    FENCED_INSTANCE_ID = 82
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83
    ELECTION_NOT_NEEDED = 84
    NO_REASSIGNMENT_IN_PROGRESS = 85
    GROUP_SUBSCRIBED_TO_TOPIC = 86
    INVALID_RECORD = 87
    UNSTABLE_OFFSET_COMMIT = 88
    THROTTLING_QUOTA_EXCEEDED = 89
    PRODUCER_FENCED = 90
    RESOURCE_NOT_FOUND = 91
    DUPLICATE_RESOURCE = 92
    UNACCEPTABLE_CREDENTIAL = 93
    INCONSISTENT_VOTER_SET = 94
    INVALID_UPDATE_VERSION = 95
    FEATURE_UPDATE_FAILED = 96
    PRINCIPAL_DESERIALIZATION_FAILURE = 97
    SNAPSHOT_NOT_FOUND = 98
    POSITION_OUT_OF_RANGE = 99
    UNKNOWN_TOPIC_ID = 100
    DUPLICATE_BROKER_REGISTRATION = 101
    BROKER_ID_NOT_REGISTERED = 102
    INCONSISTENT_TOPIC_ID = 103
    INCONSISTENT_CLUSTER_ID = 104
    TRANSACTIONAL_ID_NOT_FOUND = 105
    FETCH_SESSION_TOPIC_ID_ERROR = 106
    INELIGIBLE_REPLICA = 107
    NEW_LEADER_ELECTED = 108
    OFFSET_MOVED_TO_TIERED_STORAGE = 109
    FENCED_MEMBER_EPOCH = 110
    UNRELEASED_INSTANCE_ID = 111
    UNSUPPORTED_ASSIGNOR = 112
    STALE_MEMBER_EPOCH = 113
    MISMATCHED_ENDPOINT_TYPE = 114
    UNSUPPORTED_ENDPOINT_TYPE = 115
    UNKNOWN_CONTROLLER_ID = 116
    UNKNOWN_SUBSCRIPTION_ID = 117
    TELEMETRY_TOO_LARGE = 118
    INVALID_REGISTRATION = 119
    TRANSACTION_ABORTABLE = 120
    INVALID_RECORD_STATE = 121
    SHARE_SESSION_NOT_FOUND = 122
    INVALID_SHARE_SESSION_EPOCH = 123
    FENCED_STATE_EPOCH = 124
    INVALID_VOTER_KEY = 125
    DUPLICATE_VOTER = 126
    VOTER_NOT_FOUND = 127
    INVALID_REGULAR_EXPRESSION = 128
    REBOOTSTRAP_REQUIRED = 129
    STREAMS_INVALID_TOPOLOGY = 130
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131
    STREAMS_TOPOLOGY_FENCED = 132
    SHARE_SESSION_LIMIT_REACHED = 133

    @property
    def is_retriable(self) -> bool:
        """Whether the same request may succeed later."""
        return self in _RETRIABLE


_RETRIABLE = frozenset(
    {
        ErrorCode.CORRUPT_MESSAGE,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.REQUEST_TIMED_OUT,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.NETWORK_EXCEPTION,
        ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
        ErrorCode.COORDINATOR_NOT_AVAILABLE,
        ErrorCode.NOT_COORDINATOR,
        ErrorCode.NOT_ENOUGH_REPLICAS,
        ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode.NOT_CONTROLLER,
        ErrorCode.CONCURRENT_TRANSACTIONS,
        ErrorCode.KAFKA_STORAGE_ERROR,
        ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
        ErrorCode.INVALID_FETCH_SESSION_EPOCH,
        ErrorCode.LISTENER_NOT_FOUND,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.OFFSET_NOT_AVAILABLE,
        ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
        ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE,
        ErrorCode.ELECTION_NOT_NEEDED,
        ErrorCode.UNSTABLE_OFFSET_COMMIT,
        ErrorCode.THROTTLING_QUOTA_EXCEEDED,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
        ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR,
        ErrorCode.SHARE_SESSION_NOT_FOUND,
        ErrorCode.INVALID_SHARE_SESSION_EPOCH,
        ErrorCode.SHARE_SESSION_LIMIT_REACHED,
    }
)


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


class CoordinatorNotAvailable(BrokerError):
    """The group coordinator does not serve yet or any more."""

    code = ErrorCode.COORDINATOR_NOT_AVAILABLE


class InvalidTopic(BrokerError):
    """The topic's name is not legal, or the operation is not for this topic."""

    code = ErrorCode.INVALID_TOPIC_EXCEPTION


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


class TransactionalIdAuthorizationFailed(BrokerError):
    """The principal may not use the transactional id."""

    code = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


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


class UnknownLeaderEpoch(BrokerError):
    """The client has heard of a later leader than this broker."""

    code = ErrorCode.UNKNOWN_LEADER_EPOCH


class UnsupportedCompressionType(BrokerError):
    """The batch is compressed in a way this broker does not know."""

    code = ErrorCode.UNSUPPORTED_COMPRESSION_TYPE


class MemberIdRequired(BrokerError):
    """The member must join again with the id it was given (KIP-394)."""

    code = ErrorCode.MEMBER_ID_REQUIRED


class GroupMaxSizeReached(BrokerError):
    """The group has as many members as it may."""

    code = ErrorCode.GROUP_MAX_SIZE_REACHED


class FencedInstanceId(BrokerError):
    """Another member took over this static instance id (KIP-345)."""

    code = ErrorCode.FENCED_INSTANCE_ID


class InvalidRecord(BrokerError):
    """A record the topic does not take."""

    code = ErrorCode.INVALID_RECORD


class UnknownTopicId(BrokerError):
    """No topic has that id."""

    code = ErrorCode.UNKNOWN_TOPIC_ID


class FrameTooLarge(BrokerError):
    """A frame announces more bytes than are accepted; the stream cannot be read any further."""


class ConnectionRefused(BrokerError):
    """The client broke a rule after which its connection is of no use; it is closed."""
