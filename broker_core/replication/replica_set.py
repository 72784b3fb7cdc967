"""ReplicaSet: the copies of one partition as its leader sees them, while it leads. Pure.

A record is committed once every in-sync replica has it on disk; up to there reaches the high
watermark. A replica that does not keep up must leave the in-sync set before records are committed
without it, one that caught up may join: both are asked of the controller, and count once it says
so. Until it does, the high watermark respects the old set and the one that was asked for.

Words and rules: Kafka's replication design, KIP-497 (AlterPartition), KIP-679, KIP-966. Times are
milliseconds of a clock that never jumps.
"""

from collections.abc import Callable
from dataclasses import dataclass

from broker_core.replication.cluster_state import Partition

NOTHING_FETCHED = -1


@dataclass(slots=True)
class Follower:
    """What the leader knows of one follower.

    Attributes:
        end_offset: Everything before is on the follower's disk; -1 while it has not fetched.
        log_start: Where its log starts; -1 while it has not fetched.
        caught_up_ms: When it last had all that the leader had.
        fetched_ms: When it fetched last.
        leader_end_offset: What the leader had then.
    """

    end_offset: int = NOTHING_FETCHED
    log_start: int = NOTHING_FETCHED
    caught_up_ms: int | None = None
    fetched_ms: int = 0
    leader_end_offset: int = 0

    def fetched(self, end_offset: int, *, leader_end: int, now_ms: int) -> None:
        """Take note of a fetch from ``end_offset`` on.

        It is caught up now if it lacks nothing, and was so at its last fetch if it has all that
        the leader had then: a follower under steady load always lacks what came meanwhile.
        """
        if end_offset >= leader_end:
            self.caught_up_ms = now_ms
        elif end_offset >= self.leader_end_offset and self.end_offset != NOTHING_FETCHED:
            self.caught_up_ms = max(self.caught_up_ms or self.fetched_ms, self.fetched_ms)
        self.end_offset = end_offset
        self.fetched_ms = now_ms
        self.leader_end_offset = leader_end

    def keeps_up(self, *, leader_end: int, now_ms: int, lag_ms: int) -> bool:
        """Whether it lacks nothing, or did not at some time within ``lag_ms``."""
        recently = self.caught_up_ms is not None and now_ms - self.caught_up_ms <= lag_ms
        return self.end_offset == leader_end or recently


class ReplicaSet:
    """The replicas of a partition from when its leader was elected until the next one is.

    Attributes:
        partition: As the controller said last.
        asked: The in-sync set that the controller was asked for and has not answered; None if
            nothing is under way.
    """

    def __init__(self, partition: Partition, *, epoch_start: int, now_ms: int, lag_ms: int) -> None:
        """Begin to lead.

        Args:
            partition: Its leader is this node.
            epoch_start: Where the log ended then.
            lag_ms: How long a replica may lack something and count as in sync.
        """
        self.partition = partition
        self.asked: tuple[int, ...] | None = None
        self._epoch_start = epoch_start
        self._lag_ms = lag_ms
        self._followers: dict[int, Follower] = {}
        self._follow(partition, now_ms)

    # -- what happens

    def fetched(self, node_id: int, end_offset: int, *, leader_end: int, now_ms: int) -> bool:
        """Take note that a follower has everything before ``end_offset`` on disk.

        Returns:
            False if the node holds no copy.
        """
        follower = self._followers.get(node_id)
        if follower is None:
            return False
        follower.fetched(end_offset, leader_end=leader_end, now_ms=now_ms)
        return True

    def starts_at(self, node_id: int, log_start: int) -> None:
        """Take note of where a follower's log starts."""
        follower = self._followers.get(node_id)
        if follower is not None:
            follower.log_start = log_start

    def restarted(self, node_id: int) -> None:
        """Take note that a node registered anew: what it had on disk may be gone (KIP-903)."""
        follower = self._followers.get(node_id)
        if follower is not None:
            follower.end_offset = follower.log_start = NOTHING_FETCHED
            follower.caught_up_ms = (
                None if node_id not in self.partition.isr else follower.caught_up_ms
            )

    def adopt(self, partition: Partition, *, now_ms: int) -> bool:
        """Take note of what the controller says; False if that is nothing new."""
        if partition.partition_epoch <= self.partition.partition_epoch:
            return False
        self.partition = partition
        self.asked = None
        self._follow(partition, now_ms)
        return True

    def refused(self) -> None:
        """Take note that the controller did not change the in-sync set."""
        self.asked = None

    # -- what follows from it

    def high_watermark(
        self, *, durable_end: int, leader_end: int, now_ms: int, is_alive: Callable[[int], bool]
    ) -> int:
        """Return the offset up to which every replica that counts has everything on disk.

        In-sync replicas count, those that may be by now, and those that catch up and will ask to
        join: else a busy partition would never let them. The caller never lets it go back.

        Args:
            durable_end: What is on the leader's own disk.
        """
        counted = {*self.partition.isr, *(self.asked or ())}
        lowest = durable_end
        for node_id, follower in self._followers.items():
            if node_id in counted or (
                is_alive(node_id)
                and follower.end_offset != NOTHING_FETCHED
                and follower.keeps_up(leader_end=leader_end, now_ms=now_ms, lag_ms=self._lag_ms)
            ):
                lowest = min(lowest, follower.end_offset)
        return lowest

    def low_watermark(self, *, log_start: int, is_alive: Callable[[int], bool]) -> int:
        """Return the offset before which no copy on a live node has records (KIP-107).

        Args:
            log_start: Where the leader's own log starts.
        """
        live = (one.log_start for node_id, one in self._followers.items() if is_alive(node_id))
        return min([log_start, *live])

    def wanted_isr(
        self,
        *,
        high_watermark: int,
        leader_end: int,
        now_ms: int,
        is_alive: Callable[[int], bool],
    ) -> tuple[int, ...] | None:
        """Return the in-sync set to ask the controller for; None if it is right as it is.

        Only one question is under way at a time.
        """
        if self.asked is not None:
            return None
        partition = self.partition
        members = [
            node_id
            for node_id in partition.replicas
            if node_id == partition.leader
            or (
                self._stays(node_id, leader_end, now_ms)
                if node_id in partition.isr
                else self._may_join(node_id, high_watermark) and is_alive(node_id)
            )
        ]
        return None if set(members) == set(partition.isr) else tuple(members)

    def lag(self, node_id: int, *, leader_end: int) -> int | None:
        """Records that a follower lacks; None while that is not known."""
        follower = self._followers.get(node_id)
        if follower is None or follower.end_offset == NOTHING_FETCHED:
            return None
        return max(0, leader_end - follower.end_offset)

    # -- inside

    def _follow(self, partition: Partition, now_ms: int) -> None:
        """Know every replica but the leader; whoever is in sync now has its time to show it."""
        followers = {}
        for node_id in partition.replicas:
            if node_id == partition.leader:
                continue
            known = self._followers.get(node_id)
            if known is None:
                in_sync = node_id in partition.isr
                known = Follower(caught_up_ms=now_ms if in_sync else None)
            followers[node_id] = known
        self._followers = followers

    def _stays(self, node_id: int, leader_end: int, now_ms: int) -> bool:
        follower = self._followers[node_id]
        return follower.keeps_up(leader_end=leader_end, now_ms=now_ms, lag_ms=self._lag_ms)

    def _may_join(self, node_id: int, high_watermark: int) -> bool:
        return self._followers[node_id].end_offset >= max(high_watermark, self._epoch_start)
