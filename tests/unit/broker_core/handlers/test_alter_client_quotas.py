"""Setting quotas, being told of them, and what they do to a session."""

from dataclasses import replace
from typing import Any

import pytest

from broker_core.authorizer import Authorizer
from broker_core.errors import ErrorCode
from broker_core.handlers import alter_client_quotas
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.policy.own_policy import OwnPolicy
from broker_core.policy.quota import Entity, entity
from broker_core.protocol.api_keys import (
    ALTER_CLIENT_QUOTAS,
    DESCRIBE_CLIENT_QUOTAS,
    FETCH,
    METADATA,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
)
from broker_core.protocol.messages import describe_client_quotas as describe
from broker_core.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    EntityData,
    EntryData,
    OpData,
)
from broker_core.protocol.messages.fetch import FetchPartition, FetchRequest, FetchTopic
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.produce import (
    PartitionProduceData,
    ProduceRequest,
    TopicProduceData,
)
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from broker_core.protocol.record_batch import Record, build_batch
from tests.support.broker_requests import Ask

PRODUCER, CONSUMER = "producer_byte_rate", "consumer_byte_rate"
EVERYBODY = entity(default="client-id")


@pytest.fixture
def session(services: Services) -> ClientSession:
    """A client who may do everything; the requests of these tests name the client id ``c``."""
    return ClientSession(replace(services, authorizer=Authorizer.open()), "127.0.0.1")


def entry(who: Entity, **values: float | None) -> EntryData:
    return EntryData(
        entity=tuple(EntityData(entity_type=kind, entity_name=name) for kind, name in who),
        ops=tuple(
            OpData(key=key, value=value or 0.0, remove=value is None)
            for key, value in values.items()
        ),
    )


async def altered(
    ask: Ask, session: ClientSession, *entries: EntryData, validate_only: bool = False
) -> list[int]:
    request = AlterClientQuotasRequest(entries=entries, validate_only=validate_only)
    answer = await ask(session, ALTER_CLIENT_QUOTAS, 1, request)
    assert [result.entity for result in answer.entries] == [one.entity for one in entries]
    return [result.error_code for result in answer.entries]


async def described(
    ask: Ask, session: ClientSession, *components: tuple[str, int, str | None], strict: bool = False
) -> Any:
    parts = [
        describe.ComponentData(entity_type=kind, match_type=how, match=name)
        for kind, how, name in components
    ]
    request = describe.DescribeClientQuotasRequest(components=tuple(parts), strict=strict)
    answer = await ask(session, DESCRIBE_CLIENT_QUOTAS, 1, request)
    if answer.error_code:
        return answer.error_code
    return {
        tuple((part.entity_type, part.entity_name) for part in each.entity): {
            one.key: one.value for one in each.values
        }
        for each in answer.entries
    }


async def test_quotas_are_set_changed_and_removed_on_disk(
    services: Services, ask: Ask, session: ClientSession
) -> None:
    ada, both = entity("ada"), entity("ada", "app")

    made = (
        entry(ada, producer_byte_rate=1e6, consumer_byte_rate=2e6),
        entry(both, producer_byte_rate=5),
    )
    assert await altered(ask, session, *made) == [0, 0]
    assert await altered(ask, session, entry(ada, producer_byte_rate=None)) == [0]
    assert await altered(ask, session, entry(both, producer_byte_rate=None)) == [0]

    kept = OwnPolicy(services.settings.data_dir).current.quotas
    assert kept == {ada: {CONSUMER: 2e6}}


@pytest.mark.parametrize(
    "wrong",
    [
        entry((), producer_byte_rate=1),
        entry((("ip", "10.0.0.1"),), producer_byte_rate=1),
        entry((("user", "a"), ("user", "b")), producer_byte_rate=1),
        entry(entity(user=""), producer_byte_rate=1),
        entry(entity(user="x" * 1025), producer_byte_rate=1),
        entry(EVERYBODY, request_percentage=50),
        entry(EVERYBODY, producer_byte_rate=0),
        entry(EVERYBODY, producer_byte_rate=-1),
        entry(EVERYBODY, producer_byte_rate=float("inf")),
        entry(EVERYBODY, producer_byte_rate=1, nonsense=1),
    ],
)
async def test_what_is_no_quota_is_refused_alone_and_as_a_whole(
    services: Services, ask: Ask, session: ClientSession, wrong: EntryData
) -> None:
    outcome = await altered(ask, session, wrong, entry(entity("ada"), producer_byte_rate=1))

    assert outcome == [ErrorCode.INVALID_REQUEST, 0]
    assert set(services.policy.current.quotas) == {entity("ada")}


async def test_validating_changes_nothing_and_there_is_a_limit(
    services: Services, ask: Ask, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alter_client_quotas, "MAX_QUOTAS", 1)
    ada, bob = (entry(entity(name), producer_byte_rate=1) for name in ("ada", "bob"))

    assert await altered(ask, session, ada, validate_only=True) == [0]
    assert services.policy.current.quotas == {}
    assert await altered(ask, session, ada, bob) == [0, ErrorCode.POLICY_VIOLATION]
    assert await altered(ask, session, ada) == [0]


async def test_quotas_are_described_as_asked(ask: Ask, session: ClientSession) -> None:
    made = [entity("ada"), entity(default="user"), entity("ada", "app"), EVERYBODY]
    await altered(ask, session, *(entry(who, producer_byte_rate=1) for who in made))

    async def found(*components: tuple[str, int, str | None], strict: bool = False) -> set[int]:
        return {
            made.index(who) for who in await described(ask, session, *components, strict=strict)
        }

    assert await found() == {0, 1, 2, 3}
    assert await found(("user", 0, "ada")) == {0, 2}
    assert await found(("user", 0, "ada"), strict=True) == {0}
    assert await found(("user", 1, None)) == {1}
    assert await found(("user", 2, None)) == {0, 1, 2}
    assert await found(("user", 2, None), ("client-id", 2, None)) == {2}
    assert await found(strict=True) == set()


@pytest.mark.parametrize(
    ("component", "error"),
    [
        (("ip", 2, None), ErrorCode.UNSUPPORTED_VERSION),
        (("", 2, None), ErrorCode.INVALID_REQUEST),
        (("user", 3, None), ErrorCode.INVALID_REQUEST),
        (("user", 0, None), ErrorCode.INVALID_REQUEST),
        (("user", 1, "ada"), ErrorCode.INVALID_REQUEST),
    ],
)
async def test_a_question_without_meaning_is_refused(
    ask: Ask, session: ClientSession, component: tuple[str, int, str | None], error: ErrorCode
) -> None:
    assert await described(ask, session, component) == error


async def test_strangers_neither_see_nor_change_quotas(services: Services, ask: Ask) -> None:
    stranger = ClientSession(services, "127.0.0.1")
    refused = ErrorCode.CLUSTER_AUTHORIZATION_FAILED

    assert await altered(ask, stranger, entry(EVERYBODY, producer_byte_rate=1)) == [refused]
    assert await described(ask, stranger) == refused


def producing(size_bytes: int) -> ProduceRequest:
    batch = build_batch([Record(0, 1, None, bytes(size_bytes))])
    data = PartitionProduceData(index=0, records=batch)
    return ProduceRequest(
        acks=-1,
        timeout_ms=30_000,
        topic_data=(TopicProduceData(name="raw.open", partition_data=(data,)),),
    )


async def test_a_node_of_the_cluster_is_never_paused(services: Services, ask: Ask) -> None:
    """A copy that had to wait for a quota would fall behind."""
    node = ClientSession(replace(services, node_user="web"), "127.0.0.1")
    await ask(node, SASL_HANDSHAKE, 1, SaslHandshakeRequest(mechanism="PLAIN"))
    right = SaslAuthenticateRequest(auth_bytes=b"\0web\0secret")
    await ask(node, SASL_AUTHENTICATE, 2, right)
    await altered(ask, node, entry(EVERYBODY, producer_byte_rate=1))

    answer = await ask(node, PRODUCE, 9, producing(2000))

    assert answer.responses[0].partition_responses[0].error_code == 0
    assert (answer.throttle_time_ms, node.take_pause()) == (0, 0)


async def test_who_sends_and_fetches_too_much_is_told_and_paused(
    ask: Ask, session: ClientSession
) -> None:
    produce = producing(2000)
    asked = FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=10_000)
    fetch = FetchRequest(
        max_wait_ms=0, min_bytes=1, topics=(FetchTopic(topic="raw.open", partitions=(asked,)),)
    )

    free = await ask(session, PRODUCE, 9, produce)
    assert (free.throttle_time_ms, session.take_pause()) == (0, 0)
    await altered(ask, session, entry(EVERYBODY, producer_byte_rate=1000, consumer_byte_rate=500))
    sent = await ask(session, PRODUCE, 9, produce)
    after_sending = session.take_pause()
    fetched = await ask(session, FETCH, 12, fetch)
    after_fetching = session.take_pause()
    other = await ask(session, METADATA, 9, MetadataRequest(topics=()))

    assert sent.responses[0].partition_responses[0].error_code == 0
    assert 1000 < sent.throttle_time_ms < 1300
    assert after_sending == pytest.approx(sent.throttle_time_ms / 1000, abs=0.001)
    assert fetched.responses[0].partitions[0].records
    assert 7000 < fetched.throttle_time_ms < 8000
    assert after_fetching == pytest.approx(fetched.throttle_time_ms / 1000, abs=0.001)
    assert (other.throttle_time_ms, session.take_pause()) == (0, 0)
