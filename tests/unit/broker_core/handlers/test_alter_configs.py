"""AlterConfigs replaces all that a topic sets; what it does not name is a default again."""

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.alter_configs import (
    AlterableConfig,
    AlterConfigsRequest,
    AlterConfigsResource,
)
from tests.support.broker_requests import Ask, signed_in

TOPIC = 2


async def alter(
    ask: Ask, session: ClientSession, config: dict[str, str | None], *, validate_only: bool = False
) -> int:
    resource = AlterConfigsResource(
        resource_type=TOPIC,
        resource_name="raw.kept",
        configs=tuple(AlterableConfig(name=name, value=value) for name, value in config.items()),
    )
    request = AlterConfigsRequest(resources=(resource,), validate_only=validate_only)
    [response] = (await ask(session, api_keys.ALTER_CONFIGS, 2, request)).responses
    error_code: int = response.error_code
    return error_code


async def test_what_is_not_named_goes_back_to_its_default(services: Services, ask: Ask) -> None:
    services.logs.create_topic("raw.kept", 1, {"retention.ms": "5000", "segment.ms": "9"})
    session = await signed_in(services, ask)

    code = await alter(ask, session, {"retention.ms": "6000", "retention.bytes": None})

    assert code == ErrorCode.NONE
    assert services.logs.topics()["raw.kept"].config == {"retention.ms": "6000"}


async def test_a_check_alone_changes_nothing(services: Services, ask: Ask) -> None:
    services.logs.create_topic("raw.kept", 1, {"retention.ms": "5000"})
    session = await signed_in(services, ask)

    assert await alter(ask, session, {}, validate_only=True) == ErrorCode.NONE
    assert services.logs.topics()["raw.kept"].config == {"retention.ms": "5000"}


async def test_one_bad_value_leaves_everything_as_it_was(services: Services, ask: Ask) -> None:
    services.logs.create_topic("raw.kept", 1, {"retention.ms": "5000"})
    session = await signed_in(services, ask)

    code = await alter(ask, session, {"retention.ms": "6000", "segment.ms": "soon"})

    assert code == ErrorCode.INVALID_CONFIG
    assert services.logs.topics()["raw.kept"].config == {"retention.ms": "5000"}


async def test_a_topic_nobody_knows_is_named_so(services: Services, ask: Ask) -> None:
    code = await alter(ask, await signed_in(services, ask), {"retention.ms": "6000"})

    assert code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


async def test_who_has_not_signed_in_changes_nothing(services: Services, ask: Ask) -> None:
    services.logs.create_topic("raw.kept", 1, {"retention.ms": "5000"})

    code = await alter(ask, ClientSession(services, "127.0.0.1"), {})

    assert code != ErrorCode.NONE
    assert services.logs.topics()["raw.kept"].config == {"retention.ms": "5000"}
