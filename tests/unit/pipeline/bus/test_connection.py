from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from pydantic import SecretStr
from structlog.testing import capture_logs

from pipeline.bus import connection
from pipeline.bus.connection import bootstrap_servers, client_config, translated
from pipeline.errors import BusRefused, BusUnavailable, PartitionLost, PipelineError
from pipeline.settings import BusSettings


@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("kafka://127.0.0.1:9092", "127.0.0.1:9092"),
        ("kafka://a:1,b:2,c", "a:1,b:2,c:9092"),
        ("kafkas://kafka.example", "kafka.example:9092"),
        ("kafka://[::1]:9092", "[::1]:9092"),
        ("kafka://[::1]", "[::1]:9092"),
    ],
)
def test_a_url_names_the_servers(url: str, servers: str) -> None:
    assert bootstrap_servers(url) == servers


@pytest.mark.parametrize("url", ["", "127.0.0.1:9092", "http://a", "kafka://", "kafka://u:p@host"])
def test_any_other_url_is_refused_and_says_what_would_be_right(url: str) -> None:
    with pytest.raises(ValueError, match="kafka://host:port"):
        bootstrap_servers(url)


@pytest.mark.parametrize(
    ("url", "username", "protocol"),
    [
        ("kafka://a", "", None),
        ("kafkas://a", "", "SSL"),
        ("kafka://a", "sinks", "SASL_PLAINTEXT"),
        ("kafkas://a", "sinks", "SASL_SSL"),
    ],
)
def test_scheme_and_user_choose_the_protocol(url: str, username: str, protocol: str | None) -> None:
    settings = BusSettings(url=url, username=username, password=SecretStr("secret"))

    config = client_config(settings, client_id="test")

    assert config.get("security.protocol") == protocol
    assert config.get("sasl.password") == ("secret" if username else None)


def test_mechanism_and_authorities_are_the_cluster_s_own() -> None:
    settings = BusSettings(
        url="kafkas://a", username="tocsin", mechanism="SCRAM-SHA-512", ca_file=Path("/etc/ca.pem")
    )

    config = client_config(settings, client_id="test")

    assert config["sasl.mechanism"] == "SCRAM-SHA-512"
    assert config["ssl.ca.location"] == "/etc/ca.pem"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.ILLEGAL_GENERATION, PartitionLost),
        (KafkaError.UNKNOWN_MEMBER_ID, PartitionLost),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, BusRefused),
        (KafkaError.MSG_SIZE_TOO_LARGE, BusRefused),
        (KafkaError._MSG_TIMED_OUT, BusUnavailable),
        (KafkaError.NOT_COORDINATOR, BusUnavailable),
        (KafkaError.KAFKA_STORAGE_ERROR, BusUnavailable),
    ],
)
def test_an_error_says_whether_trying_again_helps(code: int, kind: type[PipelineError]) -> None:
    assert type(translated(KafkaError(code), "test")) is kind


def test_an_exception_without_an_error_of_kafka_is_worth_another_try() -> None:
    assert isinstance(
        connection.translated_exception(KafkaException("odd"), "test"), BusUnavailable
    )


def test_trouble_is_one_line_in_ten_seconds() -> None:
    now = 1000.0
    trouble = connection._Trouble(lambda: now)
    error = KafkaError(KafkaError._ALL_BROKERS_DOWN)

    with capture_logs() as lines:
        for _ in range(5):
            trouble.report(error)
        now += 11
        trouble.report(error)

    assert [line["suppressed"] for line in lines] == [0, 4]
