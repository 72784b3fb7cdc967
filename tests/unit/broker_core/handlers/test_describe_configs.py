"""Settings of topics and of the broker, with their types and where they come from."""

from broker_core.errors import ErrorCode
from broker_core.handlers.broker_configs import INT, LIST, LONG
from broker_core.handlers.describe_configs import (
    BROKER,
    FROM_DEFAULT,
    FROM_FILE,
    FROM_TOPIC,
    GROUP,
    TOPIC,
)
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.describe_configs import (
    DescribeConfigsRequest,
    DescribeConfigsResource,
    DescribeConfigsResourceResult,
    DescribeConfigsResult,
)
from tests.support.broker_requests import Ask, signed_in


async def describe(
    ask: Ask, session: ClientSession, kind: int, name: str, *keys: str
) -> DescribeConfigsResult:
    resource = DescribeConfigsResource(
        resource_type=kind, resource_name=name, configuration_keys=keys or None
    )
    request = DescribeConfigsRequest(resources=(resource,))
    [result] = (await ask(session, api_keys.DESCRIBE_CONFIGS, 4, request)).results
    assert isinstance(result, DescribeConfigsResult)
    return result


def by_name(result: DescribeConfigsResult) -> dict[str, DescribeConfigsResourceResult]:
    assert result.error_code == ErrorCode.NONE
    return {one.name: one for one in result.configs}


async def test_a_topic_s_settings_have_types_and_sources(services: Services, ask: Ask) -> None:
    services.logs.create_topic("raw.kept", 1, {"retention.ms": "5000"})

    found = by_name(await describe(ask, await signed_in(services, ask), TOPIC, "raw.kept"))

    kept, size = found["retention.ms"], found["retention.bytes"]
    assert (kept.value, kept.config_source, kept.config_type) == ("5000", FROM_TOPIC, LONG)
    assert (size.value, size.config_source, size.read_only) == ("-1", FROM_DEFAULT, False)
    assert found["segment.bytes"].config_type == INT


async def test_the_broker_s_settings_are_told_and_cannot_be_changed(
    services: Services, ask: Ask
) -> None:
    found = by_name(await describe(ask, await signed_in(services, ask), BROKER, "0"))

    listeners = found["advertised.listeners"]
    assert listeners.value == "PLAINTEXT://127.0.0.1:9092"
    assert (listeners.config_source, listeners.config_type) == (FROM_FILE, LIST)
    assert all(one.read_only for one in found.values())


async def test_only_the_settings_asked_for_are_told(services: Services, ask: Ask) -> None:
    session = await signed_in(services, ask)

    assert list(by_name(await describe(ask, session, BROKER, "0", "node.id"))) == ["node.id"]
    assert by_name(await describe(ask, session, BROKER, "")) == {}


async def test_another_broker_s_settings_are_not_here(services: Services, ask: Ask) -> None:
    result = await describe(ask, await signed_in(services, ask), BROKER, "7")

    assert (result.error_code, result.configs) == (ErrorCode.INVALID_REQUEST, ())


async def test_who_has_not_signed_in_learns_nothing_of_the_broker(
    services: Services, ask: Ask
) -> None:
    result = await describe(ask, ClientSession(services, "127.0.0.1"), BROKER, "0")

    assert (result.error_code, result.configs) == (ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ())


async def test_settings_of_topics_are_explained_to_who_asks(services: Services, ask: Ask) -> None:
    resource = DescribeConfigsResource(
        resource_type=TOPIC, resource_name="raw.open", configuration_keys=("flush.ms",)
    )
    request = DescribeConfigsRequest(resources=(resource,), include_documentation=True)

    [result] = (
        await ask(await signed_in(services, ask), api_keys.DESCRIBE_CONFIGS, 4, request)
    ).results

    assert "power cut" in (by_name(result)["flush.ms"].documentation or "")


async def test_a_group_has_no_settings_of_its_own(services: Services, ask: Ask) -> None:
    found = by_name(await describe(ask, await signed_in(services, ask), GROUP, "readers"))

    assert found == {}


async def test_a_group_is_not_described_to_everybody(services: Services, ask: Ask) -> None:
    result = await describe(ask, ClientSession(services, "127.0.0.1"), GROUP, "readers")

    assert result.error_code == ErrorCode.GROUP_AUTHORIZATION_FAILED
