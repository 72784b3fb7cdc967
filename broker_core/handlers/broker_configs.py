"""The broker's settings under the names that Kafka gives them, and every setting's type. Pure.

Type numbers: ``ConfigDef.Type`` as DescribeConfigs sends it since version 3.
"""

from collections.abc import Mapping
from datetime import timedelta

from broker_core.coordinator.assignors import ASSIGNORS
from broker_core.settings import BrokerSettings

UNKNOWN, BOOLEAN, STRING, INT, LONG, LIST = 0, 1, 2, 3, 5, 7
TYPES: Mapping[str, int] = {
    "advertised.listeners": LIST,
    "auto.create.topics.enable": BOOLEAN,
    "cleanup.policy": LIST,
    "compression.type": STRING,
    "connections.max.reauth.ms": LONG,
    "delete.retention.ms": LONG,
    "flush.messages": LONG,
    "flush.ms": LONG,
    "group.consumer.assignors": LIST,
    "group.consumer.heartbeat.interval.ms": INT,
    "group.consumer.max.size": INT,
    "group.consumer.session.timeout.ms": INT,
    "group.max.size": INT,
    "listeners": LIST,
    "log.dirs": LIST,
    "log.index.interval.bytes": INT,
    "log.retention.bytes": LONG,
    "log.retention.ms": LONG,
    "log.segment.bytes": INT,
    "max.connections": INT,
    "max.incremental.fetch.session.cache.slots": INT,
    "max.message.bytes": INT,
    "message.max.bytes": INT,
    "message.timestamp.type": STRING,
    "min.compaction.lag.ms": LONG,
    "min.insync.replicas": INT,
    "node.id": INT,
    "num.partitions": INT,
    "offset.metadata.max.bytes": INT,
    "retention.bytes": LONG,
    "retention.ms": LONG,
    "segment.bytes": INT,
    "segment.ms": LONG,
    "socket.request.max.bytes": INT,
}


def describe_broker(settings: BrokerSettings, host: str, port: int) -> dict[str, str]:
    """What is in force on this broker.

    Args:
        settings: Its configuration.
        host, port: Where clients are told to connect.
    """
    log, groups = settings.log, settings.groups
    age, size = log.retention_age, log.retention_bytes
    session = settings.session_lifetime
    return {
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "auto.create.topics.enable": str(settings.auto_create_topics).lower(),
        "connections.max.reauth.ms": "0" if session is None else _ms(session),
        "group.consumer.assignors": ",".join(ASSIGNORS),
        "group.consumer.heartbeat.interval.ms": _ms(groups.consumer_heartbeat_interval),
        "group.consumer.max.size": str(groups.max_members),
        "group.consumer.session.timeout.ms": _ms(groups.consumer_session_timeout),
        "group.max.size": str(groups.max_members),
        "listeners": f"PLAINTEXT://{settings.host}:{port}",
        "log.dirs": str(settings.data_dir),
        "log.index.interval.bytes": str(log.index_interval_bytes),
        "log.retention.bytes": str(-1 if size is None else size),
        "log.retention.ms": str(-1 if age is None else int(age.total_seconds() * 1000)),
        "log.segment.bytes": str(log.segment_bytes),
        "max.connections": str(settings.max_connections),
        "max.incremental.fetch.session.cache.slots": str(settings.max_fetch_sessions),
        "message.max.bytes": str(log.max_message_bytes),
        "node.id": str(settings.node_id),
        "num.partitions": str(settings.default_partitions),
        "offset.metadata.max.bytes": str(groups.max_metadata_bytes),
        "socket.request.max.bytes": str(settings.max_frame_bytes),
    }


def _ms(duration: timedelta) -> str:
    return str(int(duration / timedelta(milliseconds=1)))
