"""What kafka-log-dirs is told: bytes of every partition, and the volume they are on."""

from broker_core.errors import ErrorCode
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.services import Services
from broker_core.protocol import api_keys
from broker_core.protocol.messages.describe_log_dirs import (
    DescribableLogDirTopic,
    DescribeLogDirsRequest,
    DescribeLogDirsResponse,
)
from broker_core.protocol.record_batch import Record, build_batch
from tests.support.broker_requests import Ask, signed_in

BATCH = build_batch([Record(0, 1, None, b"x")])


async def describe(
    ask: Ask, session: ClientSession, *topics: DescribableLogDirTopic
) -> DescribeLogDirsResponse:
    request = DescribeLogDirsRequest(topics=topics or None)
    response: DescribeLogDirsResponse = await ask(session, api_keys.DESCRIBE_LOG_DIRS, 4, request)
    return response


async def test_every_partition_is_there_with_its_bytes(services: Services, ask: Ask) -> None:
    log = services.logs.get("raw.open", 1)
    assert log is not None
    log.append(BATCH)

    [found] = (await describe(ask, await signed_in(services, ask))).results

    sizes = {
        (topic.name, one.partition_index): one.partition_size
        for topic in found.topics
        for one in topic.partitions
    }
    assert sizes["raw.open", 0] == 0
    assert sizes["raw.open", 1] == len(BATCH)
    assert ("events.log", 0) in sizes
    assert found.error_code == ErrorCode.NONE
    assert found.log_dir == str(services.settings.data_dir)
    assert 0 < found.usable_bytes < found.total_bytes


async def test_only_what_is_asked_for_is_told(services: Services, ask: Ask) -> None:
    asked = DescribableLogDirTopic(topic="raw.open", partitions=(1, 7))

    [found] = (await describe(ask, await signed_in(services, ask), asked)).results

    [topic] = found.topics
    assert [one.partition_index for one in topic.partitions] == [1]


async def test_a_directory_out_of_service_says_so(services: Services, ask: Ask) -> None:
    services.logs.fault.set("a disk that failed")

    [found] = (await describe(ask, await signed_in(services, ask))).results

    assert found.error_code == ErrorCode.KAFKA_STORAGE_ERROR


async def test_who_has_not_signed_in_learns_nothing(services: Services, ask: Ask) -> None:
    response = await describe(ask, ClientSession(services, "127.0.0.1"))

    assert (response.error_code, response.results) == (ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ())
