"""A controller for tests, and links of nodes to it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from broker_core.controller import Controller
from broker_core.protocol.messages.create_topics import CreatableTopic, CreateTopicsRequest
from broker_core.replication.cluster_state import ClusterState, Partition
from broker_core.replication.controller_link import ControllerLink
from broker_core.replication.peer import Credentials
from broker_core.settings import ControllerSettings

CREDENTIALS = Credentials(name="node", secret="s" * 43)
SECONDS = 30


def controller_settings(directory: Path, **values: Any) -> ControllerSettings:
    """Any free port, nodes that sign in with CREDENTIALS, and sessions that do not end by load."""
    digest = hashlib.sha256(CREDENTIALS.secret.encode()).hexdigest()
    return ControllerSettings.model_validate(
        {
            "data_dir": directory,
            "port": 0,
            "users": {CREDENTIALS.name: digest},
            "session_timeout": timedelta(seconds=60),
            "preferred_leader_interval": timedelta(hours=1),
            "default_replication": 2,
            **values,
        }
    )


def link_to(controller: Controller, node_id: int, **values: Any) -> ControllerLink:
    """A node of that id whose data directory is always the same."""
    arguments = {
        "advertised": ("127.0.0.1", 9092 + node_id),
        "credentials": CREDENTIALS,
        "incarnation": uuid4(),
        "directory_id": UUID(int=node_id),
        "was_unclean_after_reboot": False,
        **values,
    }
    return ControllerLink(("127.0.0.1", controller.port), node_id=node_id, **arguments)


async def until(link: ControllerLink, condition: Callable[[ClusterState], bool]) -> ClusterState:
    """The first state that a link knows and that is as the test waits for."""
    news = asyncio.Event()
    link.subscribe(lambda _: news.set())
    async with asyncio.timeout(SECONDS):
        while not condition(link.state):
            await news.wait()
            news.clear()
    return link.state


async def unfenced(*links: ControllerLink) -> None:
    """Return once every node of these leads by its own view, and all of them know it of all."""
    async with asyncio.timeout(SECONDS):
        for link in links:
            while link.is_fenced:  # noqa: ASYNC110 # a clock makes it so, no event
                await asyncio.sleep(0.01)
    for link in links:
        await until(link, lambda state: len(alive(state)) >= len(links))


def alive(state: ClusterState) -> set[int]:
    """The nodes that are not fenced."""
    return {node.node_id for node in state.nodes.values() if not node.fenced}


@asynccontextmanager
async def nodes_of(controller: Controller, *node_ids: int) -> AsyncIterator[list[ControllerLink]]:
    """Links of that many nodes, all of them alive."""
    links = [link_to(controller, node_id) for node_id in node_ids]
    for link in links:
        await link.__aenter__()
    try:
        await unfenced(*links)
        yield links
    finally:
        for link in links:
            await link.__aexit__(None, None, None)


async def create_topic(
    link: ControllerLink, name: str, *, partitions: int = 1, copies: int = -1
) -> tuple[Partition, ...]:
    """A topic made through a link, as the link knows it then."""
    topic = CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=copies,
        assignments=(),
        configs=(),
    )
    response = await link.forward(CreateTopicsRequest(topics=(topic,)), 7)
    assert response.topics[0].error_code == 0, response.topics[0].error_message
    return link.state.topics[name].partitions
