"""Why a member of a consumer group (KIP-848) is refused.

BrokerError
├── FencedMemberEpoch          110  it gives up its partitions and joins anew
├── UnreleasedInstanceId       111
├── UnsupportedAssignor        112
├── StaleMemberEpoch           113  it commits or fetches again once it has heard its epoch
└── InvalidRegularExpression   128

Code numbers: Kafka protocol guide, "Error Codes".
"""

from broker_core.errors import BrokerError, ErrorCode


class FencedMemberEpoch(BrokerError):
    """The member's epoch is not the one that the coordinator knows."""

    code = ErrorCode.FENCED_MEMBER_EPOCH


class UnreleasedInstanceId(BrokerError):
    """Another member has the static instance id and has not left."""

    code = ErrorCode.UNRELEASED_INSTANCE_ID


class UnsupportedAssignor(BrokerError):
    """No assignor of that name is here."""

    code = ErrorCode.UNSUPPORTED_ASSIGNOR


class StaleMemberEpoch(BrokerError):
    """The member has a newer epoch, of which it has not heard yet."""

    code = ErrorCode.STALE_MEMBER_EPOCH


class InvalidRegularExpression(BrokerError):
    """RE2 cannot run it."""

    code = ErrorCode.INVALID_REGULAR_EXPRESSION
