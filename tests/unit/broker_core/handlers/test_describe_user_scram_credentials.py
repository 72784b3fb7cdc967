"""Who may sign in with SCRAM, as administrators are told."""

from dataclasses import replace

import pytest

from broker_core.authorizer import Authorizer
from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.policy.policy import Policy
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism
from broker_core.protocol.api_keys import DESCRIBE_USER_SCRAM_CREDENTIALS
from broker_core.protocol.messages.describe_user_scram_credentials import (
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    UserName,
)
from tests.support.broker_requests import Ask

CREDENTIAL = ScramCredential(salt=b"SALT", iterations=4096, stored_key=b"KEY", server_key=b"KEY")
SHA_256, SHA_512 = ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512


@pytest.fixture
async def session(services: Services) -> ClientSession:
    """A session that may do everything, with two users there."""
    users = {
        ("bob", SHA_512): CREDENTIAL,
        ("ada", SHA_512): CREDENTIAL,
        ("ada", SHA_256): CREDENTIAL,
    }
    await services.policy.change(lambda _: Policy(credentials=users))
    return ClientSession(replace(services, authorizer=Authorizer.open()), "127.0.0.1")


def request(*names: str) -> DescribeUserScramCredentialsRequest:
    return DescribeUserScramCredentialsRequest(users=tuple(UserName(name=name) for name in names))


def told(answer: DescribeUserScramCredentialsResponse) -> dict[str, list[tuple[int, int]]]:
    return {
        result.user: [(info.mechanism, info.iterations) for info in result.credential_infos]
        for result in answer.results
    }


@pytest.mark.parametrize("users", [None, ()])
async def test_without_names_everybody_is_described(
    session: ClientSession, ask: Ask, users: tuple[UserName, ...] | None
) -> None:
    everybody = DescribeUserScramCredentialsRequest(users=users)

    answer = await ask(session, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, everybody)

    assert told(answer) == {"ada": [(1, 4096), (2, 4096)], "bob": [(2, 4096)]}
    assert "SALT" not in repr(answer)
    assert "KEY" not in repr(answer)


async def test_unknown_users_and_names_said_twice_have_their_own_errors(
    session: ClientSession, ask: Ask
) -> None:
    asked = request("bob", "ada", "bob", "eve")

    answer = await ask(session, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, asked)

    assert answer.error_code == 0
    assert {result.user: result.error_code for result in answer.results} == {
        "ada": 0,
        "bob": ErrorCode.DUPLICATE_RESOURCE,
        "eve": ErrorCode.RESOURCE_NOT_FOUND,
    }
    assert told(answer) == {"ada": [(1, 4096), (2, 4096)], "bob": [], "eve": []}


async def test_a_stranger_is_refused_as_a_whole_and_for_each_user(
    services: Services, ask: Ask
) -> None:
    stranger = ClientSession(services, "127.0.0.1")

    answer = await ask(stranger, DESCRIBE_USER_SCRAM_CREDENTIALS, 0, request("ada"))

    refused = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
    assert answer.error_code == refused
    assert [result.error_code for result in answer.results] == [refused]
