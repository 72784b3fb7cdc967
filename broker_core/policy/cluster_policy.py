"""ClusterPolicy: the policy of a cluster, which belongs to its controller, as one node knows it.

A change is made from the newest policy, handed to the controller as the entries that differ, and
taken only if nobody changed the policy in between; else it is made anew. It is in force here when
it is answered, and on the other nodes as soon as they hear of it. For the event loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import structlog

from broker_core.errors import CorruptMessage, InvalidUpdateVersion, NotController, PolicyViolation
from broker_core.policy.policy import Policy
from broker_core.policy.policy_entries import applied, differences
from broker_core.policy.policy_store import Change
from broker_core.replication.cluster_state import NO_POLICY, ClusterState, PolicyEntries
from broker_core.replication.state_messages import changed_entries, removed_entries

log = structlog.get_logger()

MAX_CHANGE_BYTES = 4 << 20  # the controller takes frames of 8 MiB
CHANGE_SECONDS = 30.0


class Link(Protocol):
    """What is needed of the way to the controller, see ``ControllerLink``."""

    @property
    def state(self) -> ClusterState:
        """The newest known state."""
        ...

    def subscribe(self, callback: Callable[[ClusterState], None]) -> None:
        """Have ``callback`` called with every newer state."""
        ...

    async def catch_up(self) -> None:
        """Return once the state is as new as the controller's."""
        ...

    async def alter_policy(
        self, known: PolicyEntries, entries: Mapping[str, str], deleted: Iterable[str]
    ) -> None:
        """Have entries replaced and removed."""
        ...


class ClusterPolicy:
    """The controller's policy, see ``PolicyStore``.

    Attributes:
        current: What stands now, as far as this node has heard; nothing before :meth:`known`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known = asyncio.Event()
        self._entries = NO_POLICY
        self._changing = asyncio.Lock()
        self.current = Policy()
        link.subscribe(self._learn)
        if link.state.version > 0:
            self._learn(link.state)

    async def known(self) -> None:
        """Return once the controller has told its policy."""
        await self._known.wait()

    async def change(self, change: Change) -> None:
        """Let ``change`` make a new policy of the one that stands, see ``PolicyStore.change``."""
        try:
            async with asyncio.timeout(CHANGE_SECONDS), self._changing:
                while not await self._try(change):
                    pass
        except TimeoutError as error:
            raise NotController("others change the policy all the time") from error

    async def _try(self, change: Change) -> bool:
        """Make the change once; return whether the policy was still what it was made from."""
        await self._link.catch_up()
        known = self._entries
        if known is not self._link.state.policy:
            raise NotController("the policy is of a kind that this node cannot read")
        put, gone = differences(self.current, change(self.current))
        if sum(map(len, (*put, *put.values(), *gone))) > MAX_CHANGE_BYTES:  # it is ASCII
            raise PolicyViolation("too much at once; change less at a time")
        try:
            await self._link.alter_policy(known, put, gone)
        except InvalidUpdateVersion:
            return False
        return True

    def _learn(self, state: ClusterState) -> None:
        """Go by the newest policy; by the one before as long as that cannot be read."""
        if state.policy is not self._entries:
            before, after = self._entries.entries, state.policy.entries
            put = dict(changed_entries(before, after))
            try:
                self.current = applied(self.current, put, removed_entries(before, after))
            except CorruptMessage:
                log.exception("policy_unreadable", version=state.policy.version)
                return
            self._entries = state.policy
        self._known.set()
