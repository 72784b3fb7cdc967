"""What every Kafka client of ours is told: servers, sign-in, and how trouble is reported.

Connection trouble is one log line in ten seconds for the whole process, however many clients
and brokers it concerns; the error texts of librdkafka itself go nowhere else.
"""

import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from confluent_kafka import KafkaError, KafkaException

from pipeline.errors import BusRefused, BusUnavailable, PartitionLost
from pipeline.metrics import BUS_ERRORS
from pipeline.settings import BusSettings

log = structlog.get_logger()

TROUBLE_EVERY_SECONDS = 10.0
DEFAULT_PORT = 9092

ClientConfig = dict[str, object]

_PARTITION_LOST = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError._FENCED,
    }
)
_REFUSED = frozenset(
    {
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_RECORD,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_REQUEST,
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.OFFSET_METADATA_TOO_LARGE,
        KafkaError.POLICY_VIOLATION,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_EXCEPTION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.UNSUPPORTED_VERSION,
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNSUPPORTED_FEATURE,
    }
)


def client_config(settings: BusSettings, *, client_id: str) -> ClientConfig:
    """librdkafka's configuration for the cluster that the settings name.

    Raises:
        ValueError: The URL is not ``kafka://host:port[,…]`` or ``kafkas://…``.
    """
    config: ClientConfig = {
        "bootstrap.servers": bootstrap_servers(settings.url),
        "client.id": client_id,
        "error_cb": report_trouble,
        "log_level": 0,  # report_trouble says it once, librdkafka would for every attempt
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "socket.keepalive.enable": True,
        "allow.auto.create.topics": False,
        # Bootstrapping anew, its default, librdkafka 2.16 can leave a question on the connection
        # that it gave up, for ever: where the only node had been away, four of four old admin
        # clients. Nodes come back under the addresses that they had.
        "metadata.recovery.strategy": "none",
    }
    tls = urlsplit(settings.url).scheme == "kafkas"
    if settings.username:
        config["security.protocol"] = "SASL_SSL" if tls else "SASL_PLAINTEXT"
        config["sasl.mechanism"] = settings.mechanism
        config["sasl.username"] = settings.username
        config["sasl.password"] = settings.password.get_secret_value()
    elif tls:
        config["security.protocol"] = "SSL"
    if tls and settings.ca_file is not None:
        config["ssl.ca.location"] = str(settings.ca_file)
    return config


def bootstrap_servers(url: str) -> str:
    """The ``host:port,host:port`` of a bus URL.

    >>> bootstrap_servers("kafka://127.0.0.1:9092,other")
    '127.0.0.1:9092,other:9092'
    """
    parts = urlsplit(url)
    servers = [server for server in parts.netloc.split(",") if server]
    if parts.scheme not in ("kafka", "kafkas") or not servers or "@" in parts.netloc:
        raise ValueError(f"not kafka://host:port or kafkas://host:port: {url}")
    return ",".join(
        server if server.rpartition("]")[2].count(":") else f"{server}:{DEFAULT_PORT}"
        for server in servers
    )


def translated(error: KafkaError, doing: str) -> BusUnavailable | BusRefused:
    """Kafka's error as one of ours: lost partition, refused for good, or worth another try."""
    text = f"{doing}: {error.name()}: {error.str()}"
    if error.code() in _PARTITION_LOST:
        return PartitionLost(text)
    return BusRefused(text) if error.code() in _REFUSED else BusUnavailable(text)


def translated_exception(error: KafkaException, doing: str) -> BusUnavailable | BusRefused:
    """The same for an exception of the client library."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, KafkaError):
        return translated(cause, doing)
    return BusUnavailable(f"{doing}: {error}")


class _Trouble:
    """Lets one line pass in ten seconds and counts the rest. For any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._suppressed = 0

    def report(self, error: KafkaError) -> None:
        BUS_ERRORS.labels(error=error.name()).inc()
        now = self._clock()
        with self._lock:
            if now < self._quiet_until:
                self._suppressed += 1
                return
            self._quiet_until = now + TROUBLE_EVERY_SECONDS
            suppressed, self._suppressed = self._suppressed, 0
        log.warning(
            "bus_trouble_seen", error=error.name(), detail=error.str(), suppressed=suppressed
        )


_trouble = _Trouble()


def report_trouble(error: KafkaError) -> None:
    """What librdkafka calls about its connections; retries go on behind it."""
    _trouble.report(error)
