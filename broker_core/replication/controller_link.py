"""ControllerLink: what a node knows of the cluster, and how it asks the controller for changes.

A node that was not answered within its session is fenced by its own clock, too: it must not answer
as a leader, because the controller may have made another node leader by now.

For the event loop.
"""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from broker_core.replication.cluster_state import NOTHING_KNOWN, ClusterState, Partition
from broker_core.replication.peer import Credentials


class ControllerLink:
    """One node's connection to the controller; an async context manager.

    Entering it returns at once; connecting, registering and following go on in the background, and
    begin anew whenever the controller goes and comes.

    Attributes:
        state: The newest known state of the cluster; version 0 and empty at first.
        broker_epoch: What the controller gave this node when it registered; -1 before.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        node_id: int,
        advertised: tuple[str, int],
        credentials: Credentials,
        incarnation: UUID,
        directory_id: UUID,
        was_unclean_after_reboot: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know where to go; nothing is sent before entering.

        Args:
            address: Host and port of the controller.
            advertised: Host and port that clients and siblings are told for this node.
            incarnation: Of this process: made anew by every start.
            directory_id: Of the data directory: made once, kept in it. A directory that the
                controller does not know holds nothing that was ever acknowledged, so the node
                leaves every in-sync set.
            was_unclean_after_reboot: The machine was started anew (another boot id) and the
                directory was not closed in order: the node leaves the in-sync sets that others
                can carry (KIP-966).
            clock: Seconds, never set back.
        """
        self.state: ClusterState = NOTHING_KNOWN
        self.broker_epoch = -1

    async def __aenter__(self) -> Self:
        """Begin to follow the controller."""
        raise NotImplementedError

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop at once, without a word; :meth:`leave` comes before where there is time."""
        raise NotImplementedError

    @property
    def is_fenced(self) -> bool:
        """Whether this node must not answer as a leader.

        True until it is registered and unfenced, and again while no heartbeat was answered within
        the session.
        """
        raise NotImplementedError

    def subscribe(self, callback: Callable[[ClusterState], None]) -> None:
        """Have ``callback`` called on the loop with every newer state, in order.

        States in between may be left out. :attr:`state` is the new one already.
        """
        raise NotImplementedError

    async def alter_isr(self, partition: Partition, isr: Sequence[int]) -> Partition:
        """Ask for another in-sync set of a partition that this node leads.

        The epochs of the members are those of :attr:`state` at the time of the call: a member that
        registered anew since then is refused.

        Args:
            partition: As this node knows it; compared by its epochs.
            isr: Must contain this node.

        Returns:
            The partition as it is then. It may come before or after :attr:`state` has it: the one
            with the higher partition epoch is the newer.

        Raises:
            FencedLeaderEpoch: Another leader was elected.
            InvalidUpdateVersion: The partition changed: wait for the newer state.
            IneligibleReplica: A member is fenced or shutting down, or registered anew.
            StaleBrokerEpoch: This node registered anew.
            UnknownTopicOrPartition: It was deleted.
            UnknownTopicId: It was deleted.
            NotController: The controller cannot be reached: nothing is known of the outcome.
        """
        raise NotImplementedError

    async def forward(self, request: object, version: int) -> Any:
        """Have the controller carry out a client's request; return its response message.

        For CreateTopics, DeleteTopics, CreatePartitions, IncrementalAlterConfigs, ElectLeaders,
        AlterPartitionReassignments and ListPartitionReassignments. Who may ask is checked before:
        the controller trusts its nodes. When it returns, :attr:`state` holds what was changed.

        Raises:
            NotController: The controller cannot be reached: nothing is known of the outcome.
        """
        raise NotImplementedError

    async def producer_ids(self) -> range:
        """Return a block of producer ids that nobody was ever given.

        Raises:
            NotController: The controller cannot be reached.
        """
        raise NotImplementedError

    async def leave(self) -> None:
        """Shut down in order: return once this node leads nothing, or nobody can take over.

        The node is fenced then. Returns early, with a line in the log, when the controller does not
        answer.
        """
        raise NotImplementedError
