"""Nodes and their controller over real sockets, with a real database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from broker_core.controller import Controller
from broker_core.errors import (
    FencedLeaderEpoch,
    IneligibleReplica,
    InvalidRequest,
    InvalidUpdateVersion,
    NotController,
    UnknownTopicId,
)
from broker_core.protocol.messages.delete_topics import DeleteTopicsRequest
from broker_core.replication.cluster_state import ClusterState, Partition
from broker_core.replication.peer import Credentials
from tests.support.controller import (
    SECONDS,
    alive,
    controller_settings,
    create_topic,
    link_to,
    nodes_of,
    unfenced,
    until,
)


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with Controller(controller_settings(tmp_path)) as running:
        yield running


def test_a_node_is_fenced_and_knows_nothing_before_it_is_told() -> None:
    link = link_to(Controller(controller_settings(Path("/nowhere"))), 1)

    assert link.is_fenced
    assert link.state.version == 0
    assert link.broker_epoch == -1


async def test_nodes_register_and_know_each_other(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        assert alive(one.state) == alive(two.state) == {1, 2}
        assert one.state.nodes[2].port == 9094
        assert one.broker_epoch == one.state.nodes[1].epoch


async def test_a_topic_is_there_when_its_request_is_answered(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        partitions = await create_topic(one, "logs", partitions=2)

        assert {each.leader for each in partitions} == {1, 2}
        assert all(set(each.isr) == {1, 2} for each in partitions)
        theirs = await until(two, lambda state: "logs" in state.topics)
        assert theirs.topics["logs"] == one.state.topics["logs"]


async def test_what_did_not_change_stays_the_same_object(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, _):
        await create_topic(one, "first")
        before = one.state.topics["first"]

        await create_topic(one, "second")

        assert one.state.topics["first"] is before
        await one.forward(DeleteTopicsRequest(topic_names=("second",), timeout_ms=1), 1)
        assert list(one.state.topics) == ["first"]


async def test_subscribers_hear_of_newer_states_in_order_and_of_each_others_failures_not(
    controller: Controller,
) -> None:
    heard: list[int] = []

    def fail(state: ClusterState) -> None:
        raise RuntimeError("one part of the node fails")

    async with nodes_of(controller, 1, 2) as (one, _):
        one.subscribe(fail)
        one.subscribe(lambda state: heard.append(state.version))
        await create_topic(one, "first")
        await create_topic(one, "second")

        assert heard == sorted(set(heard))
        assert heard[-1] == one.state.version


async def test_a_leader_changes_its_in_sync_set(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as links:
        partition = (await create_topic(links[0], "logs"))[0]
        leader = links[partition.leader - 1]

        shrunk = await leader.alter_isr(partition, [partition.leader])
        grown = await leader.alter_isr(shrunk, [partition.leader, *_others(partition)])

        assert shrunk.isr == (partition.leader,)
        assert set(grown.isr) == {1, 2}
        assert grown.leader_epoch == partition.leader_epoch
        assert grown.partition_epoch == partition.partition_epoch + 2
        assert leader.state.partition("logs", 0) == grown


def _others(partition: Partition) -> list[int]:
    return [each for each in partition.replicas if each != partition.leader]


async def test_changes_asked_for_together_all_happen(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, _):
        partitions = await create_topic(one, "logs", partitions=40)
        led = [each for each in partitions if each.leader == 1]

        altered = await asyncio.gather(*(one.alter_isr(each, [1]) for each in led))

        assert len(led) == 20
        assert all(each.isr == (1,) for each in altered)


async def test_a_change_from_old_knowledge_is_refused(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        partitions = await create_topic(one, "logs", partitions=2)
        mine = next(each for each in partitions if each.leader == 1)
        await one.alter_isr(mine, [1])

        with pytest.raises(InvalidUpdateVersion):
            await one.alter_isr(mine, [1, 2])
        with pytest.raises(InvalidRequest):
            await two.alter_isr(one.state.topics["logs"].partitions[mine.index], [2])
        with pytest.raises(UnknownTopicId):
            await one.alter_isr(replace(mine, topic_id=uuid4()), [1])
        with pytest.raises(InvalidRequest):
            await one.alter_isr(mine, [1, 7])


async def test_a_member_that_registered_anew_is_not_let_in_by_what_was_known_of_it(
    controller: Controller,
) -> None:
    async with nodes_of(controller, 1) as (one,):
        async with link_to(controller, 2) as two:
            await unfenced(one, two)
            partitions = await create_topic(one, "logs", partitions=2)
            partition = next(each for each in partitions if each.leader == 1)
            alone = await one.alter_isr(partition, [1])
            known = one.state
        async with link_to(controller, 2) as again:
            await unfenced(again)
            await until(one, lambda state: state.nodes[2].epoch == again.broker_epoch)
            one.state = known  # it has not heard of that

            with pytest.raises(IneligibleReplica):
                await one.alter_isr(alone, [1, 2])


async def test_a_node_that_leaves_leads_nothing_any_more(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        await create_topic(one, "logs", partitions=4)

        await two.leave()

        assert two.is_fenced
        assert alive(two.state) == {1}
        assert all(each.leader == 1 and each.isr == (1,) for each in two.state.partitions())
        await one.leave()  # nobody can take over
        assert all(each.is_offline and each.isr == (1,) for each in one.state.partitions())


async def test_a_node_that_is_not_heard_of_is_fenced_and_comes_back(tmp_path: Path) -> None:
    async with (
        Controller(controller_settings(tmp_path)) as controller,
        nodes_of(controller, 1) as (one,),
    ):
        two = link_to(controller, 2)
        async with two:
            await unfenced(one, two)
            await create_topic(one, "logs", partitions=2)
        state = await until(one, lambda state: not state.is_alive(2))
        assert all(each.leader == 1 for each in state.partitions())

        async with link_to(controller, 2) as again:
            await unfenced(again)
            old = next(each for each in state.partitions() if each.replicas[0] == 2)
            with pytest.raises((FencedLeaderEpoch, InvalidRequest)):
                await again.alter_isr(old, [2])


async def test_a_node_whose_process_is_gone_is_not_waited_for_until_its_session_ends(
    tmp_path: Path,
) -> None:
    settings = controller_settings(tmp_path, session_timeout=timedelta(hours=1))
    async with Controller(settings) as controller, nodes_of(controller, 1) as (one,):
        async with link_to(controller, 2) as two:
            await unfenced(one, two)

        state = await until(one, lambda state: not state.is_alive(2))

        assert state.is_alive(1)


async def test_a_node_without_answers_fences_itself_by_its_own_clock(
    controller: Controller,
) -> None:
    now = 1000.0
    async with link_to(controller, 1, clock=lambda: now) as link:
        await unfenced(link)

        now += 61

        assert link.is_fenced
        await unfenced(link)  # the next heartbeat is answered


async def test_producer_ids_are_given_once_also_over_a_restart(tmp_path: Path) -> None:
    settings = controller_settings(tmp_path)
    async with Controller(settings) as controller, nodes_of(controller, 1, 2) as (one, two):
        blocks = list(await asyncio.gather(one.producer_ids(), two.producer_ids()))
    async with Controller(settings) as controller, nodes_of(controller, 1) as (one,):
        blocks.append(await one.producer_ids())

    ids = [number for block in blocks for number in block]
    assert len(ids) == len(set(ids)) == 3000


async def test_nodes_go_on_when_the_controller_comes_back(tmp_path: Path) -> None:
    async with Controller(controller_settings(tmp_path)) as controller:
        settings = controller_settings(tmp_path, port=controller.port)
        links = [link_to(controller, node_id) for node_id in (1, 2)]
        for link in links:
            await link.__aenter__()
        await unfenced(*links)
        before = (await create_topic(links[0], "logs"))[0]
        epochs = [link.broker_epoch for link in links]
    try:
        with pytest.raises(NotController):
            await links[0].producer_ids()
        async with Controller(settings):
            await _asked_until_answered(links[0].producer_ids)

            after = (await create_topic(links[0], "more"))[0]

            assert [link.broker_epoch for link in links] == epochs
            assert links[0].state.partition("logs", 0) == before
            assert after.leader in (1, 2)
    finally:
        for link in links:
            await link.__aexit__(None, None, None)


async def _asked_until_answered(ask: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await ask()
            except NotController:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_wrong_secret_and_another_cluster_are_refused(controller: Controller) -> None:
    stranger = link_to(controller, 7, credentials=Credentials(name="node", secret="wrong"))
    other = link_to(controller, 8, cluster_id="another")
    async with nodes_of(controller, 1) as (one,), stranger, other:
        await create_topic(one, "logs", copies=1)

        assert stranger.state.version == other.state.version == 0
        assert stranger.is_fenced
        assert other.is_fenced
        assert set(one.state.nodes) == {1}


async def test_another_directory_with_the_id_of_a_live_node_is_refused(
    controller: Controller,
) -> None:
    async with (
        nodes_of(controller, 1) as (one,),
        link_to(controller, 1, directory_id=UUID(int=99)) as other,
    ):
        await create_topic(one, "logs", copies=1)

        assert other.broker_epoch == -1
        assert other.is_fenced
        assert not one.is_fenced
