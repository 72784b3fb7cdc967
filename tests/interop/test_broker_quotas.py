"""A quota, as librdkafka is told of it."""

import asyncio
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from broker_core.protocol.api_keys import ALTER_CLIENT_QUOTAS
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.protocol.messages.alter_client_quotas import (
    AlterClientQuotasRequest,
    AlterClientQuotasResponse,
    EntityData,
    EntryData,
    OpData,
)
from broker_core.settings import Access, BrokerSettings
from tests.support.broker_thread import BrokerThread

SECONDS = 60


async def limit(port: int, client_id: str, rate: float) -> None:
    """Set a client's producer_byte_rate, for which librdkafka has no call."""
    entity = EntityData(entity_type="client-id", entity_name=client_id)
    op = OpData(key="producer_byte_rate", value=rate, remove=False)
    request = AlterClientQuotasRequest(
        entries=(EntryData(entity=(entity,), ops=(op,)),), validate_only=False
    )
    header = ALTER_CLIENT_QUOTAS.key.to_bytes(2, "big") + b"\0\1" + b"\0\0\0\1\xff\xff\0"
    frame = header + b"".join(encode(request, 1, flexible=True))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(len(frame).to_bytes(4, "big") + frame)
    answer = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    writer.close()
    await writer.wait_closed()
    response = decode(AlterClientQuotasResponse, 1, flexible=True, data=answer, start=5)
    assert response.entries[0].error_code == 0


def test_a_producer_over_its_quota_is_told_and_loses_nothing(tmp_path: Path) -> None:
    settings = BrokerSettings(data_dir=tmp_path, port=0, access=Access.OPEN)
    with BrokerThread(settings) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        admin.create_topics([NewTopic("raw.x", 1, 1)])["raw.x"].result(SECONDS)
        asyncio.run(limit(broker.broker.port, "greedy", 100_000))
        throttled: list[float] = []
        delivered: list[object] = []
        greedy = Producer(
            {
                "bootstrap.servers": broker.address,
                "client.id": "greedy",
                "throttle_cb": lambda event: throttled.append(event.throttle_time),
                "linger.ms": 5,
            }
        )

        for _ in range(30):
            greedy.produce("raw.x", bytes(10_000), on_delivery=lambda *it: delivered.append(it[0]))
            greedy.flush(SECONDS)

    assert delivered == [None] * 30
    assert max(throttled) > 0
