"""Setting and forgetting SCRAM passwords, and being told of them."""

from dataclasses import replace
from typing import Any

import pytest

from broker_core.errors import ErrorCode
from broker_core.handlers import alter_user_scram_credentials
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.policy.own_policy import OwnPolicy
from broker_core.policy.scram_credential import ScramMechanism
from broker_core.protocol.api_keys import (
    ALTER_USER_SCRAM_CREDENTIALS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
)
from broker_core.protocol.messages.alter_user_scram_credentials import (
    AlterUserScramCredentialsRequest,
    ScramCredentialDeletion,
    ScramCredentialUpsertion,
)
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask

SHA_256, SHA_512 = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512


def upsertion(name: str, mechanism: int = SHA_256, **changes: Any) -> ScramCredentialUpsertion:
    digest_bytes = 64 if mechanism == SHA_512 else 32
    fields = {"iterations": 4096, "salt": b"salt", "salted_password": bytes(digest_bytes)}
    return ScramCredentialUpsertion(name=name, mechanism=mechanism, **{**fields, **changes})


def deletion(name: str, mechanism: int = SHA_256) -> ScramCredentialDeletion:
    return ScramCredentialDeletion(name=name, mechanism=mechanism)


@pytest.fixture
async def web(services: Services, ask: Ask) -> ClientSession:
    """A session whose user may do everything."""
    session = ClientSession(services, "127.0.0.1")
    await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    right = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
    await ask(session, SASL_AUTHENTICATE, 2, right)
    return session


async def altered(
    ask: Ask,
    session: ClientSession,
    *changes: ScramCredentialUpsertion | ScramCredentialDeletion,
) -> dict[str, int]:
    """Error code by user."""
    request = AlterUserScramCredentialsRequest(
        deletions=tuple(one for one in changes if isinstance(one, ScramCredentialDeletion)),
        upsertions=tuple(one for one in changes if isinstance(one, ScramCredentialUpsertion)),
    )
    answer = await ask(session, ALTER_USER_SCRAM_CREDENTIALS, 0, request)
    return {result.user: result.error_code for result in answer.results}


async def test_credentials_are_set_replaced_and_forgotten_on_disk(
    services: Services, ask: Ask, web: ClientSession
) -> None:
    both = upsertion("ada"), upsertion("ada", SHA_512)

    assert await altered(ask, web, *both, upsertion("bob")) == {"ada": 0, "bob": 0}
    assert await altered(ask, web, upsertion("ada", iterations=5000)) == {"ada": 0}
    assert await altered(ask, web, deletion("bob")) == {"bob": 0}

    kept = OwnPolicy(services.settings.data_dir).current.credentials
    assert {key: credential.iterations for key, credential in kept.items()} == {
        ("ada", SHA_256): 5000,
        ("ada", SHA_512): 4096,
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (upsertion(""), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("x" * 256), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("ANONYMOUS"), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("eve", iterations=4095), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("eve", iterations=1 << 30), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("eve", salt=b""), ErrorCode.UNACCEPTABLE_CREDENTIAL),
        (upsertion("eve", 0), ErrorCode.UNSUPPORTED_SASL_MECHANISM),
        (upsertion("eve", 3), ErrorCode.UNSUPPORTED_SASL_MECHANISM),
        (deletion("eve"), ErrorCode.RESOURCE_NOT_FOUND),
    ],
)
async def test_what_cannot_be_done_is_refused_for_its_user_alone(
    services: Services,
    ask: Ask,
    web: ClientSession,
    change: ScramCredentialUpsertion | ScramCredentialDeletion,
    error: ErrorCode,
) -> None:
    outcome = await altered(ask, web, change, upsertion("ada"))

    assert outcome == {change.name: error, "ada": 0}
    assert set(services.policy.current.credentials) == {("ada", SHA_256)}


async def test_a_user_is_changed_as_a_whole_or_not_at_all(
    services: Services, ask: Ask, web: ClientSession
) -> None:
    mixed = await altered(ask, web, upsertion("ada"), upsertion("ada", SHA_512, salt=b""))
    twice = await altered(ask, web, upsertion("bob"), deletion("bob"))

    assert mixed == {"ada": ErrorCode.UNACCEPTABLE_CREDENTIAL}
    assert twice == {"bob": ErrorCode.DUPLICATE_RESOURCE}
    assert services.policy.current.credentials == {}


async def test_there_is_a_limit_and_it_does_not_keep_anybody_from_forgetting(
    services: Services, ask: Ask, web: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alter_user_scram_credentials, "MAX_CREDENTIALS", 1)

    assert await altered(ask, web, upsertion("ada")) == {"ada": 0}
    assert await altered(ask, web, upsertion("bob")) == {"bob": ErrorCode.UNACCEPTABLE_CREDENTIAL}
    assert await altered(ask, web, upsertion("ada", iterations=5000)) == {"ada": 0}
    assert await altered(ask, web, deletion("ada")) == {"ada": 0}


async def test_a_stranger_changes_nothing(services: Services, ask: Ask) -> None:
    outcome = await altered(ask, ClientSession(services, "127.0.0.1"), upsertion("mallory"))

    assert outcome == {"mallory": ErrorCode.CLUSTER_AUTHORIZATION_FAILED}
    assert services.policy.current.credentials == {}


async def test_nobody_is_called_like_the_nodes_of_the_cluster(services: Services, ask: Ask) -> None:
    """Whoever signs in under their name may do everything."""
    node = ClientSession(replace(services, node_user="web"), "127.0.0.1")
    await ask(node, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    right = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
    await ask(node, SASL_AUTHENTICATE, 2, right)

    outcome = await altered(ask, node, upsertion("web"), upsertion("ada"))

    assert outcome == {"web": ErrorCode.UNACCEPTABLE_CREDENTIAL, "ada": 0}
