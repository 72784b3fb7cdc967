"""The list of topics on disk (``topics.json``): what exists, and what is being deleted.

Format: FORMAT.md, "List of topics". Blocks; for a thread.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from broker_core.errors import StorageError
from broker_core.log import file_layout
from broker_core.log.checkpoint import replace_file
from broker_core.log.topic_config import TopicConfig

Topics = Mapping[str, TopicConfig]


def write(directory: Path, topics: Topics, deleting: Topics) -> None:
    """Replace the list.

    Args:
        deleting: Topics whose files are to be removed, now or at the next start.

    Raises:
        OSError: The old list still stands.
    """
    content = {
        "format_version": file_layout.FORMAT_VERSION,
        "topics": _encode(topics),
        "deleting": _encode(deleting),
    }
    replace_file(directory / file_layout.TOPICS, json.dumps(content, indent=1).encode() + b"\n")


def read(directory: Path) -> tuple[Topics, Topics]:
    """Return (topics, topics being deleted); a new directory has none.

    Raises:
        StorageError: The list cannot be read, or is gone while there are partitions.
    """
    path = directory / file_layout.TOPICS
    try:
        content = json.loads(path.read_bytes())
        return _decode(content["topics"]), _decode(content["deleting"])
    except FileNotFoundError:
        logs = next(directory.glob(f"*/*{file_layout.LOG_SUFFIX}"), None)
        if logs is not None:
            raise StorageError(
                f"{path} is gone, but {logs.parent.name} holds records; "
                "restore the file from a backup"
            ) from None
        return {}, {}
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError(f"{path} cannot be read; restore it from a backup") from error


def _encode(topics: Topics) -> dict[str, object]:
    return {topic.name: _encode_topic(topic) for topic in topics.values()}


def _encode_topic(topic: TopicConfig) -> dict[str, object]:
    fields: dict[str, object] = {
        "topic_id": str(topic.topic_id),
        "partitions": topic.partitions,
        "config": dict(topic.config),
    }
    return fields if topic.held is None else {**fields, "held": sorted(topic.held)}


def _decode(content: dict[str, dict[str, object]]) -> Topics:
    topics = {}
    for name, fields in content.items():
        config = fields["config"]
        partitions = fields["partitions"]
        held = fields.get("held")
        if (
            not isinstance(config, dict)
            or not isinstance(partitions, int)
            or not isinstance(held, list | None)
        ):
            raise ValueError(f"topic {name} is not described as it should be")
        file_layout.check_topic_name(name)
        topics[name] = TopicConfig(
            name=name,
            topic_id=UUID(str(fields["topic_id"])),
            partitions=partitions,
            config={str(key): str(value) for key, value in config.items()},
            held=None if held is None else frozenset(map(int, held)),
        )
    return topics
