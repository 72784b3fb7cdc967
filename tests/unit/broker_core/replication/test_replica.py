"""A partition without copies elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.errors import UnknownLeaderEpoch
from broker_core.log.group_commit import GroupCommit
from broker_core.replication.replica import Replica
from tests.support.partition import batch, open_directory, topic, values


@pytest.fixture
async def replica(tmp_path: Path) -> AsyncIterator[Replica]:
    logs = open_directory(tmp_path)
    commit = GroupCommit(logs.fault)
    yield Replica(topic(logs), commit)
    await commit.close()
    logs.let_go()


@pytest.mark.parametrize("acks", [1, -1])
async def test_what_is_acknowledged_can_be_read(replica: Replica, acks: int) -> None:
    woken: list[int] = []
    end = replica.subscribe(lambda: woken.append(replica.log.high_watermark))

    result = replica.append(batch(b"a", b"b"), acks=acks)
    assert values(replica.log) == []
    await replica.acknowledged(result.last_offset + 1, acks=acks)

    assert values(replica.log) == [b"a", b"b"]
    assert woken == [2]
    end()


async def test_it_leads_whatever_the_client_knows_unless_that_is_later(replica: Replica) -> None:
    replica.check_leader()
    replica.check_leader(0)

    with pytest.raises(UnknownLeaderEpoch, match="leader epoch 1"):
        replica.check_leader(1)
