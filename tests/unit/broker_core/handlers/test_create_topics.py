"""What the answer to CreateTopics says of the topics that were made."""

from broker_core.errors import ErrorCode
from broker_core.handlers.describe_configs import FROM_DEFAULT, FROM_TOPIC
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.create_topics import (
    CreatableTopic,
    CreatableTopicConfig,
    CreatableTopicResult,
    CreateTopicsRequest,
)
from tests.support.broker_requests import Ask, signed_in


async def create(
    services: Services, ask: Ask, *, validate_only: bool = False, **config: str
) -> CreatableTopicResult:
    topic = CreatableTopic(
        name="new",
        num_partitions=2,
        replication_factor=1,
        assignments=(),
        configs=tuple(
            CreatableTopicConfig(name=name.replace("_", "."), value=value)
            for name, value in config.items()
        ),
    )
    request = CreateTopicsRequest(topics=(topic,), validate_only=validate_only)
    response = await ask(await signed_in(services, ask), api_keys.CREATE_TOPICS, 7, request)
    [result] = response.topics
    assert isinstance(result, CreatableTopicResult)
    return result


async def test_every_setting_is_told_with_where_it_comes_from(services: Services, ask: Ask) -> None:
    made = await create(services, ask, retention_ms="5000")

    settings = {one.name: (one.value, one.config_source) for one in made.configs or ()}
    assert settings["retention.ms"] == ("5000", FROM_TOPIC)
    assert settings["cleanup.policy"] == ("delete", FROM_DEFAULT)
    assert (made.num_partitions, made.replication_factor) == (2, 1)


async def test_a_check_alone_tells_the_settings_too(services: Services, ask: Ask) -> None:
    checked = await create(services, ask, validate_only=True)

    assert checked.configs
    assert "new" not in services.logs.topics()


async def test_a_refused_topic_has_no_settings(services: Services, ask: Ask) -> None:
    refused = await create(services, ask, retention_ms="soon")

    assert (refused.error_code, refused.configs) == (ErrorCode.INVALID_CONFIG, None)
