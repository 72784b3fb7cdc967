"""Fetcher: copies every partition that one node leads and this node follows.

One connection and one request at a time for all of them, in a fetch session: only what is new is
said and told. What comes is appended as it is, synced, and only then does the next request say that
it is here: the leader counts on it. A log that went
another way is cut where the leader says (KIP-595), never by high watermark; one that ends before
the leader's begins anew. For the event loop.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from broker_core import metrics
from broker_core.errors import BrokerError, ErrorCode, NetworkException
from broker_core.log.group_commit import GroupCommit
from broker_core.protocol.messages.fetch import (
    NOT_DIVERGING,
    FetchRequest,
    FetchResponse,
    PartitionData,
)
from broker_core.protocol.record_batch import read_batches
from broker_core.replication.cluster_replica import ClusterReplica
from broker_core.replication.cluster_state import Node
from broker_core.replication.leader_epoch import EpochEnd
from broker_core.replication.peer import Credentials, Peer
from broker_core.replication.session_client import Position, Said, SessionClient
from broker_core.settings import ReplicationSettings

structured = structlog.get_logger()

FETCH_VERSION = 12
_ANSWER_SECONDS = 10.0  # beyond what the leader may hold the request
_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_SETTLING_SECONDS = 0.05  # for the leader and this node to learn the same
_SESSION_ERRORS = (
    ErrorCode.FETCH_SESSION_ID_NOT_FOUND,
    ErrorCode.INVALID_FETCH_SESSION_EPOCH,
)


@dataclass(slots=True)
class _Asked:
    """One partition of a request, as it was when it was asked for."""

    replica: ClusterReplica
    leader_epoch: int
    fetch_offset: int

    @property
    def position(self) -> Position:
        """What the leader is told of it."""
        return Position(
            leader_epoch=self.leader_epoch,
            fetch_offset=self.fetch_offset,
            last_epoch=self.replica.last_epoch,
            log_start_offset=self.replica.log.log_start_offset,
        )

    @property
    def holds(self) -> bool:
        """Whether an answer is still for what is here."""
        replica = self.replica
        return (
            replica.leader_epoch == self.leader_epoch
            and not replica.is_leader
            and replica.log.end_offset == self.fetch_offset
            and not replica.log.is_deleted
        )


class Fetcher:
    """What this node follows of one leader; :meth:`run` it."""

    def __init__(
        self,
        leader: Node,
        commit: GroupCommit,
        credentials: Credentials,
        settings: ReplicationSettings,
        *,
        node_id: int,
    ) -> None:
        self.leader = leader
        self._commit = commit
        self._credentials = credentials
        self._settings = settings
        self._node_id = node_id
        self._followed: dict[ClusterReplica, int] = {}
        self._resting: dict[ClusterReplica, float] = {}
        self._changed = asyncio.Event()

    def follow(self, leader: Node, replicas: Collection[ClusterReplica]) -> None:
        """Follow exactly these from now on; what is asked for by now is given up."""
        followed = {replica: replica.leader_epoch for replica in replicas}
        if followed != self._followed or leader != self.leader:
            self.leader = leader
            self._followed = followed
            self._resting.clear()
            self._changed.set()

    async def run(self) -> None:
        """Copy until cancelled, over one connection after the other."""
        pause = _PAUSE_SECONDS
        while True:
            try:
                await self._run_connected()
                pause = _PAUSE_SECONDS
            except BrokerError as error:
                structured.info("leader_lost", leader=self.leader.node_id, reason=str(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _run_connected(self) -> None:
        """Copy until what is followed changes; then the request under way is of no use."""
        self._changed.clear()
        if not self._followed:
            await self._changed.wait()
            return
        leader = self.leader
        peer = await Peer.connect(
            leader.host,
            leader.port,
            credentials=self._credentials,
            client_id=f"node-{self._node_id}",
        )
        session = SessionClient(partition_max_bytes=self._settings.partition_fetch_bytes)
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            while not self._changed.is_set():
                await self._round(peer, session, changed)
        finally:
            changed.cancel()
            await peer.close()

    async def _round(
        self, peer: Peer, session: SessionClient, changed: asyncio.Future[Any]
    ) -> None:
        asked = self._ask_for()
        wait_ms = round(self._wait_seconds() * 1000)
        if not asked:
            await asyncio.wait([changed], timeout=wait_ms / 1000)
            return
        said = session.say({key: each.position for key, each in asked.items()})
        sending = asyncio.ensure_future(
            peer.send(
                self._request(said, wait_ms),
                FETCH_VERSION,
                timeout_seconds=wait_ms / 1000 + _ANSWER_SECONDS,
            )
        )
        try:
            await asyncio.wait([sending, changed], return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                return
            response: FetchResponse = sending.result()
        finally:
            sending.cancel()
            await asyncio.wait([sending])
        if session.heard(response.error_code, response.session_id):
            await self._take(asked, response)
        elif response.error_code not in _SESSION_ERRORS:
            raise NetworkException(f"the leader refuses: error {response.error_code}")

    # -- asking

    def _ask_for(self) -> dict[tuple[str, int], _Asked]:
        """What to fetch now: whoever had bytes last time comes last."""
        now = asyncio.get_running_loop().time()
        for replica in [each for each, until in self._resting.items() if until <= now]:
            del self._resting[replica]
        asked: dict[tuple[str, int], _Asked] = {}
        for replica, epoch in self._followed.items():
            log = replica.log
            if log.durable_end < log.end_offset:  # written as a leader, or before an error
                self._commit.request(log)
                self._rest(replica, ErrorCode.NONE, "not synced yet")
            elif replica not in self._resting and not log.is_deleted:
                asked[log.topic, log.partition] = _Asked(replica, epoch, log.end_offset)
        return asked

    def _wait_seconds(self) -> float:
        """How long the leader may hold the request: not longer than until a partition is back."""
        longest = self._settings.fetch_wait.total_seconds()
        if not self._resting:
            return longest
        now = asyncio.get_running_loop().time()
        return min(longest, max(0.001, min(self._resting.values()) - now))

    def _request(self, said: Said, wait_ms: int) -> FetchRequest:
        return FetchRequest(
            replica_id=self._node_id,
            max_wait_ms=wait_ms,
            min_bytes=1,
            max_bytes=self._settings.fetch_bytes,
            session_id=said.session_id,
            session_epoch=said.session_epoch,
            topics=said.topics,
            forgotten_topics_data=said.forgotten,
        )

    # -- taking

    async def _take(self, asked: dict[tuple[str, int], _Asked], response: FetchResponse) -> None:
        """Append what came, have it synced, then let the high watermarks follow."""
        answered: list[tuple[_Asked, PartitionData]] = []
        grown: list[ClusterReplica] = []
        for topic in response.responses:
            for data in topic.partitions:
                each = asked.get((topic.topic, data.partition_index))
                if each is None or not each.holds:
                    continue
                try:
                    if await self._take_one(each, data):
                        answered.append((each, data))
                except BrokerError as error:
                    self._rest(each.replica, error.code, str(error))
                if each.replica.log.end_offset > each.fetch_offset:
                    grown.append(each.replica)
        await self._sync(grown)
        for each, data in answered:
            each.replica.follow_leader(data.high_watermark, data.log_start_offset)
        self._measure(answered)
        for replica in grown:  # they had their turn
            if replica in self._followed:
                self._followed[replica] = self._followed.pop(replica)

    async def _take_one(self, asked: _Asked, data: PartitionData) -> bool:
        """Return whether the log now follows the leader's as far as was told.

        Raises:
            BrokerError: What came does not fit, or could not be written.
        """
        replica = asked.replica
        if data.diverging_epoch != NOT_DIVERGING:
            word = EpochEnd(data.diverging_epoch.epoch, data.diverging_epoch.end_offset)
            await replica.cut_by(word, asked.leader_epoch)
            return False
        start = data.log_start_offset
        is_readable = data.error_code in (ErrorCode.NONE, ErrorCode.OFFSET_OUT_OF_RANGE)
        is_elsewhere = replica.is_empty and start != asked.fetch_offset
        if is_readable and (start > asked.fetch_offset or is_elsewhere):
            await replica.restart_at(start, asked.leader_epoch)
            return False
        if data.error_code != ErrorCode.NONE:
            self._rest(replica, ErrorCode(data.error_code), "")
            return False
        records = bytes(data.records or b"")
        if records:
            for at, header in read_batches(records):
                if header.last_offset >= replica.log.end_offset:
                    replica.append_copy(records[at : at + header.size], header)
            metrics.FETCHER_BYTES.inc(len(records))
        return True

    async def _sync(self, replicas: Sequence[ClusterReplica]) -> None:
        waits = [self._commit.durable(replica.log, replica.log.end_offset) for replica in replicas]
        outcomes = await asyncio.gather(*waits, return_exceptions=True)
        for replica, outcome in zip(replicas, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                self._rest(replica, outcome.code, str(outcome))
            elif isinstance(outcome, BaseException):
                raise outcome

    def _rest(self, replica: ClusterReplica, code: ErrorCode, reason: str) -> None:
        """Leave a partition out for a moment: leader and follower are about to learn more."""
        if code is not ErrorCode.NONE:
            metrics.FETCHER_ERRORS.labels(code.name).inc()
            name = replica.log.directory.name
            structured.debug("copy_refused", partition=name, error=code.name, reason=reason)
        now = asyncio.get_running_loop().time()
        self._resting[replica] = now + _SETTLING_SECONDS

    def _measure(self, answered: Sequence[tuple[_Asked, PartitionData]]) -> None:
        lags = [
            max(0, data.high_watermark - each.replica.log.end_offset) for each, data in answered
        ]
        metrics.FETCHER_LAG.labels(str(self.leader.node_id)).set(max(lags, default=0))
