"""Replicas: every partition of this node, found by topic and number. For the event loop."""

from broker_core.errors import UnknownTopicOrPartition
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.replication.replica import NOT_TOLD, Replica


class Replicas:
    """The partitions of a node that is alone: it leads each of them."""

    def __init__(self, logs: LogDirectory, commit: GroupCommit) -> None:
        self._logs = logs
        self._commit = commit
        self._replicas: dict[tuple[str, int], Replica] = {}

    def get(self, topic: str, partition: int) -> Replica | None:
        """Return one partition, or None if it is not here."""
        replica = self._replicas.get((topic, partition))
        if replica is not None and not replica.log.is_deleted:
            return replica
        log = self._logs.get(topic, partition)
        if log is None:
            self._replicas.pop((topic, partition), None)
            return None
        replica = self._replicas[topic, partition] = Replica(log, self._commit)
        return replica

    def leading(self, topic: str, partition: int, current_leader_epoch: int = NOT_TOLD) -> Replica:
        """Return a partition that this node leads.

        Args:
            current_leader_epoch: The newest that the client knows (KIP-320).

        Raises:
            UnknownTopicOrPartition: There is no such partition.
            NotLeaderOrFollower, FencedLeaderEpoch, UnknownLeaderEpoch: Ask another node, or
                refresh metadata first.
        """
        replica = self.get(topic, partition)
        if replica is None:
            raise UnknownTopicOrPartition(f"{topic}-{partition}")
        replica.check_leader(current_leader_epoch)
        return replica
