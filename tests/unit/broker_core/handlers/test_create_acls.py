"""Adding, showing and removing entries of the access control lists."""

from dataclasses import replace
from typing import Any

import pytest

from broker_core.authorizer import Authorizer
from broker_core.errors import ErrorCode
from broker_core.handlers import create_acls
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.policy.own_policy import OwnPolicy
from broker_core.protocol.api_keys import (
    CREATE_ACLS,
    DELETE_ACLS,
    DESCRIBE_ACLS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
)
from broker_core.protocol.messages.create_acls import AclCreation, CreateAclsRequest
from broker_core.protocol.messages.delete_acls import DeleteAclsFilter, DeleteAclsRequest
from broker_core.protocol.messages.describe_acls import DescribeAclsRequest
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from tests.support.broker_requests import Ask

ANY, ALL, READ, ALTER, DENY, ALLOW = 1, 2, 3, 7, 2, 3
TOPIC, CLUSTER, LITERAL, PREFIXED = 2, 4, 3, 4


def entry(**changes: Any) -> AclCreation:
    fields: dict[str, Any] = {
        "resource_type": TOPIC,
        "resource_name": "events.log",
        "resource_pattern_type": LITERAL,
        "principal": "User:ada",
        "host": "*",
        "operation": READ,
        "permission_type": ALLOW,
    }
    return AclCreation(**{**fields, **changes})


def everything(**changes: Any) -> dict[str, Any]:
    fields = {
        "resource_type_filter": ANY,
        "resource_name_filter": None,
        "pattern_type_filter": ANY,
        "principal_filter": None,
        "host_filter": None,
        "operation": ANY,
        "permission_type": ANY,
    }
    return {**fields, **changes}


@pytest.fixture
async def web(services: Services, ask: Ask) -> ClientSession:
    """A super user's session, where access is by lists."""
    authorizer = Authorizer.by_acls(["web"], lambda: services.policy.current.acls)
    session = ClientSession(replace(services, authorizer=authorizer), "127.0.0.1")
    await ask(session, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    right = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
    await ask(session, SASL_AUTHENTICATE, 2, right)
    return session


async def created(ask: Ask, session: ClientSession, *entries: AclCreation) -> list[int]:
    answer = await ask(session, CREATE_ACLS, 3, CreateAclsRequest(creations=entries))
    return [result.error_code for result in answer.results]


async def described(ask: Ask, session: ClientSession) -> set[tuple[str, str]]:
    answer = await ask(session, DESCRIBE_ACLS, 3, DescribeAclsRequest(**everything()))
    assert answer.error_code == 0
    return {
        (resource.resource_name, acl.principal)
        for resource in answer.resources
        for acl in resource.acls
    }


async def test_entries_are_added_shown_and_removed_on_disk(
    services: Services, ask: Ask, web: ClientSession
) -> None:
    bob = entry(principal="User:bob", permission_type=DENY)

    assert await created(ask, web, entry(), bob, entry()) == [0, 0, 0]
    assert await described(ask, web) == {("events.log", "User:ada"), ("events.log", "User:bob")}
    filters = (
        DeleteAclsFilter(**everything(principal_filter="User:bob")),
        DeleteAclsFilter(**everything(principal_filter="User:eve")),
        DeleteAclsFilter(**everything(operation=0)),
    )
    gone = await ask(web, DELETE_ACLS, 3, DeleteAclsRequest(filters=filters))

    codes = [result.error_code for result in gone.filter_results]
    assert codes == [0, 0, ErrorCode.INVALID_REQUEST]
    assert [len(result.matching_acls) for result in gone.filter_results] == [1, 0, 0]
    assert await described(ask, web) == {("events.log", "User:ada")}
    kept = OwnPolicy(services.settings.data_dir).current.acls
    assert {acl.principal for acl in kept} == {"User:ada"}


@pytest.mark.parametrize(
    "changes",
    [
        {"resource_type": 0},
        {"resource_type": ANY, "operation": ALL},
        {"resource_type": 99},
        {"resource_type": CLUSTER, "operation": ALTER},
        {"resource_type": CLUSTER, "resource_name": "kafka-cluster", "operation": READ},
        {"resource_name": ""},
        {"resource_name": "x" * 250},
        {"resource_pattern_type": ANY},
        {"resource_pattern_type": 2},
        {"principal": "ada"},
        {"principal": "User:"},
        {"principal": "Group:ada"},
        {"principal": "User:" + "x" * 1024},
        {"host": ""},
        {"operation": ANY},
        {"operation": 0},
        {"operation": 12},
        {"permission_type": ANY},
        {"permission_type": 0},
    ],
)
async def test_an_entry_that_could_never_apply_is_refused_alone(
    ask: Ask, web: ClientSession, changes: dict[str, Any]
) -> None:
    outcome = await created(ask, web, entry(**changes), entry())

    assert outcome == [ErrorCode.INVALID_REQUEST, 0]
    assert await described(ask, web) == {("events.log", "User:ada")}


async def test_there_is_a_limit(
    ask: Ask, web: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create_acls, "MAX_ACLS", 1)

    assert await created(ask, web, entry()) == [0]
    assert await created(ask, web, entry()) == [0]
    assert await created(ask, web, entry(host="10.0.0.1")) == [ErrorCode.POLICY_VIOLATION]


async def test_a_stranger_neither_sees_nor_changes_entries(services: Services, ask: Ask) -> None:
    stranger = ClientSession(services, "127.0.0.1")
    refused = ErrorCode.CLUSTER_AUTHORIZATION_FAILED

    assert await created(ask, stranger, entry()) == [refused]
    shown = await ask(stranger, DESCRIBE_ACLS, 1, DescribeAclsRequest(**everything()))
    deletion = DeleteAclsRequest(filters=(DeleteAclsFilter(**everything()),))
    gone = await ask(stranger, DELETE_ACLS, 2, deletion)

    assert shown.error_code == refused
    assert gone.filter_results[0].error_code == refused
    assert services.policy.current.acls == frozenset()


async def test_where_lists_are_not_in_use_that_is_said(services: Services, ask: Ask) -> None:
    session = ClientSession(replace(services, authorizer=Authorizer.open()), "127.0.0.1")

    assert await created(ask, session, entry()) == [ErrorCode.SECURITY_DISABLED]
