"""What each topic setting means, in words: for DescribeConfigs and for the reference page. Pure."""

from collections.abc import Mapping

from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.settings import LogSettings

MEANINGS: Mapping[str, str] = {
    "cleanup.policy": (
        "`delete`: old segments go by age and size. `compact`: the last record of each key stays. "
        "`compact,delete`: both."
    ),
    "compression.type": (
        "How batches lie on disk and travel to readers: `producer` leaves them as they came; "
        "`uncompressed`, `gzip`, `snappy`, `lz4` and `zstd` have those opened, checked and packed "
        "anew that came otherwise."
    ),
    "delete.retention.ms": (
        "How long compaction keeps a tombstone after its segment was written, for readers who lag."
    ),
    "file.delete.delay.ms": (
        "Taken and told, without effect: files go at once, and whoever reads one reads on."
    ),
    "flush.messages": (
        "With `flush.ms` above 0: a sync is begun once so many records wait for it; 1 has every "
        "acknowledgement wait."
    ),
    "flush.ms": (
        "0: an acknowledgement waits until its records are on disk. Above 0 it does not, and a "
        "sync follows within so many milliseconds; a power cut may lose what was acknowledged in "
        "between, a killed process does not. With copies on other nodes only acks=1 goes early."
    ),
    "max.compaction.lag.ms": "Compaction does not wait longer than this for more to do.",
    "max.message.bytes": "Largest record batch that is taken, as it was sent and as it is kept.",
    "message.timestamp.type": (
        "`CreateTime`: the producer's time stays. `LogAppendTime`: the broker's time replaces it."
    ),
    "min.cleanable.dirty.ratio": "Compaction waits until this part of the log is new to it.",
    "min.compaction.lag.ms": "How long a record stays before compaction may remove it.",
    "min.insync.replicas": (
        "acks=all is refused while fewer replicas are in sync than this, or than there are."
    ),
    "retention.bytes": "The oldest sealed segments of a partition go above this; -1: no limit.",
    "retention.ms": (
        "Sealed segments go once their newest record is older; -1: never. Looked at every minute."
    ),
    "segment.bytes": "A segment is sealed before it grows past this.",
    "segment.ms": "A segment is sealed once its first record was written longer ago.",
}


def reference_page() -> str:
    """Return docs/reference/topic-settings.md: every setting with its default and meaning."""
    lines = [
        "# Topic settings",
        "",
        "Written by `./tocsin docs` from the code; do not edit.",
        "",
        "What a topic of our broker may set for itself, by Kafka's names, with any admin client,",
        "as by `kafka-topics --create --config NAME=VALUE` or `kafka-configs --alter`. Other names",
        "are refused. Some defaults can be configured (`[broker.log]` in the settings).",
        "",
        "| Setting | Default | Meaning |",
        "|---|---|---|",
    ]
    defaults = describe_log_config(read_log_config({}, LogSettings()))
    lines += [f"| `{name}` | {value} | {MEANINGS[name]} |" for name, value in defaults.items()]
    return "\n".join(lines) + "\n"
