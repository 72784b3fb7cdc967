"""Siblings: this node's connections to the other nodes, for what nodes ask each other.

A connection is made when somebody asks for the first time, and anew whenever it is lost or the node
has registered anew. Questions go side by side. Whoever asks says how long the answer is of use: a
node that was stopped is not waited for once another leads. For the event loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker_core.errors import NetworkException, NotLeaderOrFollower, RequestTimedOut
from broker_core.replication.cluster_state import ClusterState, Node
from broker_core.replication.controller_link import ControllerLink
from broker_core.replication.peer import Credentials, Peer

ANSWER_SECONDS = 10.0
RequestOn = Callable[[int], object]


@dataclass(slots=True)
class _Line:
    """The connection to one node, and what the node was when it was made.

    Attributes:
        number: How many connections there have been.
    """

    connecting: asyncio.Lock
    number: int = 0
    node: Node | None = None
    peer: Peer | None = None


class Siblings:
    """The other nodes of the cluster, to be asked."""

    def __init__(self, link: ControllerLink, credentials: Credentials, *, node_id: int) -> None:
        self._link = link
        self._credentials = credentials
        self._client_id = f"node-{node_id}"
        self._lines: dict[int, _Line] = {}
        self._looks: set[Callable[[], None]] = set()
        link.subscribe(self._look_all)

    @property
    def own_epoch(self) -> int:
        """What the controller gave this node when it registered; grows with every start."""
        return self._link.broker_epoch

    @property
    def state(self) -> ClusterState:
        """The newest known state of the cluster."""
        return self._link.state

    async def ask(
        self,
        node_id: int,
        request: object | RequestOn,
        version: int,
        *,
        seconds: float = ANSWER_SECONDS,
        holds: Callable[[ClusterState], bool] = lambda _: True,
    ) -> Any:
        """Send a node a request; return its response message.

        Args:
            request: The message, or what makes it once it is known which connection it goes on:
                by the number, which only grows.
            seconds: How long the answer may take, connecting included.
            holds: Whether the answer is of use; looked at whenever the cluster has changed.

        Raises:
            NotLeaderOrFollower: The answer is of no use any more; the node may have done it.
            BrokerError: It cannot be reached or answers nothing that can be read: likewise.
        """
        given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def look() -> None:
            if not given_up.done() and not holds(self._link.state):
                given_up.set_result(None)

        self._looks.add(look)
        sending = asyncio.create_task(self._send(node_id, request, version, seconds))
        try:
            look()
            await asyncio.wait([sending, given_up], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                return sending.result()
            raise NotLeaderOrFollower(f"node {node_id} is not to be asked any more")
        finally:
            self._looks.discard(look)
            given_up.cancel()
            sending.cancel()

    async def close(self) -> None:
        """Close every connection; whoever waits for an answer hears that it is gone."""
        for line in self._lines.values():
            if line.peer is not None:
                await line.peer.close()

    def _look_all(self, _: ClusterState) -> None:
        for look in tuple(self._looks):
            look()

    async def _send(
        self, node_id: int, request: object | RequestOn, version: int, seconds: float
    ) -> Any:
        try:
            async with asyncio.timeout(seconds):
                peer, number = await self._connected(node_id)
                if callable(request):
                    request = request(number)
                return await peer.send(request, version, timeout_seconds=seconds)
        except TimeoutError as error:
            raise RequestTimedOut(f"node {node_id} was silent for {seconds} s") from error

    async def _connected(self, node_id: int) -> tuple[Peer, int]:
        line = self._lines.setdefault(node_id, _Line(asyncio.Lock()))
        async with line.connecting:
            node = self._link.state.nodes.get(node_id)
            if node is None:
                raise NetworkException(f"node {node_id} is not known")
            if line.peer is not None and line.node is not None:
                is_same = (node.host, node.port, node.epoch) == (
                    line.node.host,
                    line.node.port,
                    line.node.epoch,
                )
                if is_same and not line.peer.is_closed:
                    return line.peer, line.number
                await line.peer.close()
                line.peer = None
            line.number += 1
            line.peer = await Peer.connect(
                node.host, node.port, credentials=self._credentials, client_id=self._client_id
            )
            line.node = node
            return line.peer, line.number
