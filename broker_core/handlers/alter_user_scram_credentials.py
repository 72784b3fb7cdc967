"""API key 51, AlterUserScramCredentials, version 0: set and forget passwords of SCRAM users.

The password never comes here: the client salts and hashes it. What is changed for one user is
changed as a whole or not at all, and is on disk before the answer. Who is connected stays so; a
changed password counts from the next sign-in.

Not done: users of SASL PLAIN; they stand in the configuration file.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import structlog

from broker_core.acl import Operation, ResourceType
from broker_core.authorizer import ANONYMOUS
from broker_core.errors import (
    BrokerError,
    ClusterAuthorizationFailed,
    DuplicateResource,
    ErrorCode,
    ResourceNotFound,
    UnacceptableCredential,
    UnsupportedSaslMechanism,
)
from broker_core.handlers.services import Call
from broker_core.policy.policy import Policy
from broker_core.policy.scram_credential import (
    MAX_USER_NAME_CHARACTERS,
    ScramCredential,
    ScramMechanism,
    derive,
)
from broker_core.protocol.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    AlterUserScramCredentialsResult,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)

MAX_CREDENTIALS = 10_000

Change = ScramCredentialDeletion | ScramCredentialUpsertion

log = structlog.get_logger()


async def handle(
    request: AlterUserScramCredentialsRequest, call: Call
) -> AlterUserScramCredentialsResponse:
    """Change one user after the other, then write everything at once."""
    by_user: dict[str, list[Change]] = {}
    changes: tuple[Change, ...] = (*request.deletions, *request.upsertions)
    for change in changes:
        by_user.setdefault(change.name, []).append(change)
    errors: dict[str, BrokerError | None] = {}

    def change_all(policy: Policy) -> Policy:
        errors.clear()
        for user, changes in by_user.items():
            try:
                _check_name(user, call.services.node_user)
                policy = _change(policy, user, changes)
                errors[user] = None
            except BrokerError as error:
                errors[user] = error
        return policy

    try:
        if not call.may(Operation.ALTER, ResourceType.CLUSTER):
            raise ClusterAuthorizationFailed("changing users needs ALTER on the cluster")
        await call.services.policy.change(change_all)
    except BrokerError as error:
        errors = dict.fromkeys(by_user, error)
    for user, failure in errors.items():
        if failure is None:
            by = call.client.principal.name
            log.info("scram_user_changed", user=user, by=by, changes=len(by_user[user]))
    return AlterUserScramCredentialsResponse(
        results=tuple(_result(user, error) for user, error in errors.items())
    )


def _change(policy: Policy, user: str, changes: Sequence[Change]) -> Policy:
    if max(Counter(change.mechanism for change in changes).values()) > 1:
        raise DuplicateResource(f"user {user} is changed twice for one mechanism")
    credentials = dict(policy.credentials)
    for change in changes:
        mechanism = _mechanism(change.mechanism)
        if isinstance(change, ScramCredentialUpsertion):
            credentials[user, mechanism] = _derive(change, mechanism)
        elif credentials.pop((user, mechanism), None) is None:
            raise ResourceNotFound(f"user {user} has no {mechanism.sasl_name} credential")
    if len(credentials) > max(MAX_CREDENTIALS, len(policy.credentials)):
        raise UnacceptableCredential(f"{MAX_CREDENTIALS} credentials exist, which is the limit")
    return replace(policy, credentials=credentials)


def _check_name(user: str, node_user: str | None) -> None:
    """Refuse names that mean somebody else: nobody in particular, or a node of the cluster."""
    if not user or len(user) > MAX_USER_NAME_CHARACTERS or user in (ANONYMOUS, node_user):
        raise UnacceptableCredential(f"a user cannot be called {user[:64]!r}")


def _mechanism(number: int) -> ScramMechanism:
    try:
        return ScramMechanism(number)
    except ValueError:
        raise UnsupportedSaslMechanism(f"SCRAM mechanism {number}") from None


def _derive(change: ScramCredentialUpsertion, mechanism: ScramMechanism) -> ScramCredential:
    return derive(
        mechanism,
        salt=change.salt,
        iterations=change.iterations,
        salted_password=change.salted_password,
    )


def _result(user: str, error: BrokerError | None) -> AlterUserScramCredentialsResult:
    return AlterUserScramCredentialsResult(
        user=user,
        error_code=error.code if error else ErrorCode.NONE,
        error_message=str(error) if error else None,
    )
