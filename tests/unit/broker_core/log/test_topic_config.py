"""What a topic may set for itself."""

from datetime import timedelta

import pytest

from broker_core.errors import InvalidConfig
from broker_core.log.topic_config import (
    MAX_SEGMENT_BYTES,
    describe_log_config,
    read_log_config,
)
from broker_core.protocol.compression import Codec
from broker_core.settings import LogSettings

SETTINGS = LogSettings(segment_bytes=5000, retention_age=timedelta(hours=1))


def test_what_a_topic_does_not_set_comes_from_the_broker() -> None:
    config = read_log_config({}, SETTINGS)

    assert config.segment_bytes == 5000
    assert config.retention_ms == 3_600_000
    assert config.retention_bytes == -1
    assert not config.is_compacted


def test_what_a_topic_sets_counts() -> None:
    config = read_log_config(
        {
            "cleanup.policy": "compact,delete",
            "retention.ms": "-1",
            "retention.bytes": "7",
            "max.message.bytes": "9",
            "message.timestamp.type": "LogAppendTime",
            "delete.retention.ms": "0",
            "min.compaction.lag.ms": "7",
            "max.compaction.lag.ms": "8",
            "min.cleanable.dirty.ratio": "0.01",
            "segment.bytes": "1024",
            "segment.ms": "10",
        },
        SETTINGS,
    )

    assert config.is_compacted
    assert config.is_deleted_by_retention
    assert config.has_log_append_time
    assert (config.retention_ms, config.retention_bytes, config.max_message_bytes) == (-1, 7, 9)
    assert (config.segment_bytes, config.segment_ms, config.delete_retention_ms) == (1024, 10, 0)
    assert (config.min_compaction_lag_ms, config.max_compaction_lag_ms) == (7, 8)
    assert config.min_cleanable_dirty_ratio == 0.01


def test_a_compacted_topic_seals_in_time_to_compact() -> None:
    lag = {"segment.ms": "1000", "max.compaction.lag.ms": "10"}

    assert read_log_config(lag, SETTINGS).roll_ms == 1000
    assert read_log_config({**lag, "cleanup.policy": "compact"}, SETTINGS).roll_ms == 10


def test_compaction_cannot_be_due_before_it_is_allowed() -> None:
    lags = {"min.compaction.lag.ms": "11", "max.compaction.lag.ms": "10"}

    with pytest.raises(InvalidConfig, match=r"more than max\.compaction\.lag\.ms"):
        read_log_config(lags, SETTINGS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retention.hours", "1"),
        ("retention.ms", "a day"),
        ("min.cleanable.dirty.ratio", "half"),
        ("min.cleanable.dirty.ratio", "1.5"),
        ("max.compaction.lag.ms", "0"),
        ("file.delete.delay.ms", "-1"),
        ("retention.ms", "-2"),
        ("segment.bytes", "10"),
        ("segment.bytes", str(MAX_SEGMENT_BYTES + 1)),
        ("cleanup.policy", "archive"),
        ("cleanup.policy", ""),
        ("message.timestamp.type", "Both"),
        ("compression.type", "zip"),
        ("min.insync.replicas", "0"),
    ],
)
def test_what_is_unknown_or_not_legal_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidConfig, match=name):
        read_log_config({name: text}, SETTINGS)


def test_what_is_described_can_be_set_and_means_the_same() -> None:
    config = read_log_config({"cleanup.policy": "compact", "retention.bytes": "5"}, SETTINGS)

    assert read_log_config(describe_log_config(config), SETTINGS) == config


@pytest.mark.parametrize(
    ("config", "is_lazy"),
    [
        ({}, False),
        ({"flush.messages": "100"}, False),
        ({"flush.ms": "1"}, True),
        ({"flush.ms": "1", "flush.messages": "1"}, False),
        ({"flush.ms": str(2**63 - 1), "flush.messages": "2"}, True),
    ],
)
def test_only_flush_ms_lets_an_acknowledgement_go_early(
    config: dict[str, str], is_lazy: bool
) -> None:
    assert read_log_config(config, SETTINGS).is_flushed_lazily == is_lazy


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("producer", None),
        ("uncompressed", Codec.NONE),
        ("gzip", Codec.GZIP),
        ("snappy", Codec.SNAPPY),
        ("lz4", Codec.LZ4),
        ("zstd", Codec.ZSTD),
    ],
)
def test_compression_is_the_producers_or_the_topics(text: str, codec: Codec | None) -> None:
    config = read_log_config({"compression.type": text}, SETTINGS)

    assert config.codec == codec
    assert describe_log_config(config)["compression.type"] == text


def test_a_segment_never_outgrows_its_index() -> None:
    config = read_log_config({}, LogSettings(segment_bytes=1 << 40))

    assert config.segment_bytes == MAX_SEGMENT_BYTES
