"""The one writer: decisions one after the other, each durable before it is heard of."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from broker_core.errors import InvalidRequest, StorageError
from broker_core.replication.cluster import Cluster
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import Newcomer
from broker_core.replication.metadata_store import FILE_NAME, MetadataStore
from tests.support.controller import SECONDS, controller_settings

NEWCOMER = Newcomer(
    node_id=1,
    cluster_id="",
    host="h",
    port=1,
    incarnation=UUID(int=1),
    directory_id=UUID(int=2),
    is_doubted=False,
)


def made(directory: Path, *, boot_id: str = "today") -> Cluster:
    settings = controller_settings(directory)
    return Cluster(settings, boot_id=boot_id, new_cluster_id="a-new-one")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    async with made(tmp_path) as running:
        yield running


def with_more_ids(state: ControllerState) -> tuple[ControllerState, int]:
    return replace(state, next_producer_id=state.next_producer_id + 1), state.next_producer_id


async def test_every_decision_is_taken_from_the_one_before(cluster: Cluster) -> None:
    before = cluster.state.cluster.version

    answers = await asyncio.gather(*(cluster.decide(with_more_ids) for _ in range(20)))

    assert sorted(answers) == list(range(20))
    assert cluster.state.cluster.version == before + 20


async def test_a_decision_that_raises_or_changes_nothing_leaves_the_state(
    cluster: Cluster,
) -> None:
    before = cluster.state

    def refuse(state: ControllerState) -> tuple[ControllerState, None]:
        raise InvalidRequest("no")

    with pytest.raises(InvalidRequest):
        await cluster.decide(refuse)
    assert await cluster.decide(lambda state: (state, "seen")) == "seen"
    assert cluster.state is before


async def test_whoever_is_cancelled_gives_up_the_answer_and_not_the_decision(
    cluster: Cluster,
) -> None:
    version = cluster.state.cluster.version
    asking = asyncio.ensure_future(cluster.decide(with_more_ids))
    await asyncio.sleep(0)

    asking.cancel()

    assert (await cluster.newer_than(version, SECONDS)).version == version + 1
    assert cluster.state.next_producer_id == 1


async def test_who_watches_is_told_at_once_or_after_the_time(cluster: Cluster) -> None:
    version = cluster.state.cluster.version
    waiting = asyncio.ensure_future(cluster.newer_than(version, SECONDS))

    await cluster.decide(with_more_ids)

    assert (await waiting).version == version + 1
    assert (await cluster.newer_than(version + 1, 0)).version == version + 1
    assert cluster.remembered(version + 1) is cluster.state.cluster
    assert cluster.remembered(10_000) is None


async def test_the_next_start_goes_on_where_this_one_ended(tmp_path: Path) -> None:
    async with made(tmp_path) as first:
        epoch = await first.register(NEWCOMER)
        version = first.state.cluster.version
        assert await first.heartbeat(1, epoch, known_version=version, wants_to_leave=False) is False
        known = first.state

    async with made(tmp_path) as second:
        assert second.state == known
        assert second.state.cluster.cluster_id == "a-new-one"
    async with made(tmp_path, boot_id="tomorrow") as after_reboot:
        assert not after_reboot.state.alive


async def test_a_node_that_is_behind_is_not_unfenced(cluster: Cluster) -> None:
    epoch = await cluster.register(NEWCOMER)
    version = cluster.state.cluster.version

    async def fenced(known_version: int) -> bool:
        return await cluster.heartbeat(1, epoch, known_version=known_version, wants_to_leave=False)

    assert await fenced(version - 1)
    assert not await fenced(version)


async def test_a_node_that_is_not_heard_of_within_its_session_is_fenced(tmp_path: Path) -> None:
    settings = controller_settings(tmp_path, session_timeout=timedelta(milliseconds=200))
    async with Cluster(settings, boot_id="", new_cluster_id="c") as cluster:
        epoch = await cluster.register(NEWCOMER)
        version = cluster.state.cluster.version
        await cluster.heartbeat(1, epoch, known_version=version, wants_to_leave=False)
        unfenced = version + 1

        fenced = await cluster.newer_than(unfenced, SECONDS)

        assert fenced.version == unfenced + 1
        assert fenced.nodes[1].fenced


async def test_after_a_failed_commit_nothing_is_decided_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with made(tmp_path) as cluster:
        before = cluster.state

        def fail(self: MetadataStore, old: ControllerState, new: ControllerState) -> None:
            self.is_failed = True
            raise StorageError("the disk failed")

        monkeypatch.setattr(MetadataStore, "commit", fail)
        with pytest.raises(StorageError):
            await cluster.decide(with_more_ids)
        monkeypatch.undo()

        async with asyncio.timeout(SECONDS):
            await cluster.failed()
        with pytest.raises(StorageError, match="database failed"):
            await cluster.decide(with_more_ids)
        assert cluster.state is before


async def test_a_directory_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.execute("PRAGMA user_version = 99")
    database.close()

    with pytest.raises(StorageError, match="schema 99"):
        await made(tmp_path).__aenter__()
