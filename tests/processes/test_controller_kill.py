"""kill -9 of the controller while nodes ask it for changes: what it answered is never forgotten."""

import asyncio
import os
import random
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from broker_core.errors import ErrorCode, NotController
from broker_core.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from broker_core.replication.cluster_state import Partition
from broker_core.replication.controller_link import ControllerLink
from broker_core.replication.peer import Credentials
from tests.support.controller import SECONDS, unfenced
from tests.support.standalone_broker import StandaloneBroker

# Twenty rounds are for the release; three are enough to notice.
ROUNDS = int(os.environ.get("TOCSIN_KILL_ROUNDS", "3"))
ANSWERS_PER_ROUND = 25


class Ledger:
    """What the controller answered to a node that asks without a pause."""

    def __init__(self, link: ControllerLink, name: str) -> None:
        self._link = link
        self._name = name
        self.topics: dict[str, UUID] = {}
        self.partitions: dict[str, Partition] = {}
        self.producer_ids: list[int] = []
        self.answers = 0
        self._grew = asyncio.Event()

    async def run(self) -> None:
        while True:
            try:
                await self._ask()
            except NotController:
                await asyncio.sleep(0.01)

    async def _ask(self) -> None:
        name = f"{self._name}.{uuid4().hex[:12]}"
        topic = CreatableTopic(
            name=name, num_partitions=1, replication_factor=2, assignments=(), configs=()
        )
        made = (await self._link.forward(CreateTopicsRequest(topics=(topic,)), 7)).topics[0]
        if made.error_code == ErrorCode.INVALID_REPLICATION_FACTOR:
            return  # a slow machine: for a moment, no node was heard of
        assert made.error_code == 0, made.error_message
        self.topics[name] = UUID(bytes=made.topic_id)
        self.partitions[name] = self._link.state.topics[name].partitions[0]
        self._count()
        self.producer_ids += await self._link.producer_ids()
        self._count()

    def _count(self) -> None:
        self.answers += 1
        self._grew.set()

    async def until(self, answers: int) -> None:
        async with asyncio.timeout(SECONDS):
            while self.answers < answers:
                self._grew.clear()
                await self._grew.wait()


@pytest.mark.process
async def test_what_a_killed_controller_answered_stands(tmp_path: Path) -> None:
    secret_file = tmp_path / "secret"
    controller = StandaloneBroker(
        tmp_path / "controller", "--controller", "--secret-file", str(secret_file)
    )
    await asyncio.to_thread(controller.start)
    links = [node(controller.address, secret_file, node_id) for node_id in (1, 2)]
    for link in links:
        await link.__aenter__()
    ledgers = [Ledger(link, f"of-{number}") for number, link in enumerate(links)]
    asking = []
    try:
        await unfenced(*links)
        epochs = [link.broker_epoch for link in links]
        asking = [asyncio.create_task(ledger.run()) for ledger in ledgers]
        for _ in range(ROUNDS):
            for ledger in ledgers:
                await ledger.until(ledger.answers + ANSWERS_PER_ROUND)
            await asyncio.sleep(random.random() / 20)  # anywhere in a decision
            await asyncio.to_thread(controller.kill)
            await asyncio.to_thread(controller.start)
        for ledger in ledgers:
            await ledger.until(ledger.answers + ANSWERS_PER_ROUND)
    finally:
        for task in asking:
            task.cancel()
        failed = await asyncio.gather(*asking, return_exceptions=True)
        for link in links:
            await link.__aexit__(None, None, None)
    assert all(isinstance(each, asyncio.CancelledError) for each in failed), failed

    await asyncio.to_thread(controller.kill)
    await asyncio.to_thread(controller.start)
    try:
        async with node(controller.address, secret_file, 3) as witness:
            await unfenced(witness)
            known = witness.state
    finally:
        await asyncio.to_thread(controller.stop)

    assert [known.nodes[node_id].epoch for node_id in (1, 2)] == epochs
    given = [number for ledger in ledgers for number in ledger.producer_ids]
    assert len(given) == len(set(given))
    for ledger in ledgers:
        for name, topic_id in ledger.topics.items():
            assert known.topics[name].topic_id == topic_id
            told = ledger.partitions[name]
            assert known.topics[name].partitions[0].partition_epoch >= told.partition_epoch


def node(address: str, secret_file: Path, node_id: int) -> ControllerLink:
    host, _, port = address.rpartition(":")
    secret = secret_file.read_text().strip()
    return ControllerLink(
        (host, int(port)),
        node_id=node_id,
        advertised=("127.0.0.1", 9091 + node_id),
        credentials=Credentials(name="node", secret=secret),
        incarnation=uuid4(),
        directory_id=UUID(int=node_id),
        was_unclean_after_reboot=False,
    )
