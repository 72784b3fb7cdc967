"""API key 50, DescribeUserScramCredentials, version 0: who may sign in with SCRAM, and how.

Salts and keys are never shown.

Not done: users of SASL PLAIN; they stand in the configuration file.
"""

from collections.abc import Sequence

from broker_core.acl import Operation, ResourceType
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    DuplicateResource,
    ErrorCode,
    ResourceNotFound,
)
from broker_core.handlers.services import Call
from broker_core.protocol.messages.describe_user_scram_credentials import (
    CredentialInfo,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    DescribeUserScramCredentialsResult,
)


async def handle(
    request: DescribeUserScramCredentialsRequest, call: Call
) -> DescribeUserScramCredentialsResponse:
    """Describe the users asked for, or all there are."""
    if not call.may(Operation.DESCRIBE, ResourceType.CLUSTER):
        return _refuse(
            request, ClusterAuthorizationFailed("describing users needs DESCRIBE on the cluster")
        )
    known: dict[str, list[CredentialInfo]] = {}
    for (user, mechanism), credential in sorted(call.services.policy.current.credentials.items()):
        info = CredentialInfo(mechanism=mechanism, iterations=credential.iterations)
        known.setdefault(user, []).append(info)
    asked = [user.name for user in request.users or ()]
    return DescribeUserScramCredentialsResponse(
        error_code=ErrorCode.NONE,
        error_message=None,
        results=tuple(_describe(user, asked, known) for user in dict.fromkeys(asked or known)),
    )


def _refuse(
    request: DescribeUserScramCredentialsRequest, error: BrokerError
) -> DescribeUserScramCredentialsResponse:
    """Say it of the whole and, as Kafka does, of every user: some clients look there only."""
    return DescribeUserScramCredentialsResponse(
        error_code=error.code,
        error_message=str(error),
        results=tuple(_result(user.name, error, ()) for user in request.users or ()),
    )


def _describe(
    user: str, asked: list[str], known: dict[str, list[CredentialInfo]]
) -> DescribeUserScramCredentialsResult:
    error: BrokerError | None = None
    if asked.count(user) > 1:
        error = DuplicateResource(f"user {user} is named more than once")
    elif user not in known:
        error = ResourceNotFound(f"user {user} has no SCRAM credential")
    return _result(user, error, known.get(user, ()))


def _result(
    user: str, error: BrokerError | None, infos: Sequence[CredentialInfo]
) -> DescribeUserScramCredentialsResult:
    return DescribeUserScramCredentialsResult(
        user=user,
        error_code=error.code if error else ErrorCode.NONE,
        error_message=str(error) if error else None,
        credential_infos=() if error else tuple(infos),
    )
