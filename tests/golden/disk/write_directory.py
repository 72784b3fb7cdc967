"""Write the log directory that this release's format is remembered by.

``python -m tests.golden.disk.write_directory tests/golden/disk/v1``, once for every format version;
a directory that a release has written is never written again.
"""

import asyncio
import sys
from pathlib import Path

from broker_core.coordinator.offset_records import CommittedOffset
from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.log.cleaner import LogCleaner
from broker_core.log.file_layout import LOCK
from broker_core.log.group_commit import GroupCommit
from broker_core.protocol.compression import Codec
from tests.support.partition import NOON_MS, TurnedClock, batch, open_directory, topic


async def write(directory: Path) -> None:
    """Every kind of file, with something in it."""
    logs = open_directory(directory, index_interval_bytes=200)
    commit = GroupCommit(logs.fault)
    events = topic(logs, {"segment.bytes": "1024", "retention.ms": "-1"})
    for number in range(30):
        codec = list(Codec)[number % len(Codec)]
        times = [NOON_MS + number, NOON_MS + number]
        events.append(
            batch(
                b"event %d" % (2 * number),
                b"event %d" % (2 * number + 1),
                timestamps=times,
                codec=codec,
                producer_id=1,
                epoch=0,
                sequence=2 * number,
            )
        )
    await commit.flush(events)
    events.truncate_before(5)
    logs.create_topic("control", 1, {"cleanup.policy": "compact"})
    control = logs.get("control", 0)
    assert control is not None
    for number in range(6):
        control.append(batch(b"%d" % number, keys=[b"odd" if number % 2 else b"even"]))
        control.roll()
    await commit.flush(events)
    await commit.flush(control)
    await LogCleaner(logs, commit, TurnedClock()).clean_all()
    offsets = OffsetStore.open(logs, commit, TurnedClock(), partitions=1)
    await offsets.commit("readers", {("events", 0): CommittedOffset(42, 0, "a note", NOON_MS)})
    await ProducerIds(directory).allocate()
    await commit.close()
    logs.close()
    (directory / LOCK).unlink()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1])))
