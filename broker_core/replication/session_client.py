"""SessionClient: a follower's side of a fetch session (KIP-227), what its leader must hear. Pure.

The leader's side is :mod:`broker_core.handlers.fetch_session`. Both begin together with a
connection; whatever goes wrong, the next request says everything anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from broker_core.error_codes import ErrorCode
from broker_core.protocol.messages.fetch import (
    FetchPartition,
    FetchTopic,
    ForgottenTopic,
)

NO_SESSION = 0
INITIAL_EPOCH = 0
MAX_EPOCH = 2**31 - 1

Key = tuple[str, int]


class Position(NamedTuple):
    """From where on a follower wants a partition, and what it knows of it."""

    leader_epoch: int
    fetch_offset: int
    last_epoch: int
    log_start_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The part of a fetch request that a session decides."""

    session_id: int
    session_epoch: int
    topics: tuple[FetchTopic, ...]
    forgotten: tuple[ForgottenTopic, ...]


class SessionClient:
    """One connection's session; until the leader gives one, every request is a full one."""

    def __init__(self, *, partition_max_bytes: int) -> None:
        self._partition_max_bytes = partition_max_bytes
        self._id = NO_SESSION
        self._epoch = INITIAL_EPOCH
        self._known: Mapping[Key, Position] = {}
        self._saying: Mapping[Key, Position] = {}

    def say(self, wanted: Mapping[Key, Position]) -> Said:
        """Return what makes the leader serve exactly ``wanted``; then call :meth:`heard`."""
        known = self._known if self._epoch != INITIAL_EPOCH else {}
        self._saying = wanted
        news = [(key, where) for key, where in wanted.items() if known.get(key) != where]
        return Said(
            session_id=self._id,
            session_epoch=self._epoch,
            topics=self._topics(news),
            forgotten=_forgotten(key for key in known if key not in wanted),
        )

    def heard(self, error_code: int, session_id: int) -> bool:
        """Take the leader's answer; False if it holds nothing and everything is to be said anew."""
        if error_code != ErrorCode.NONE:
            if error_code == ErrorCode.FETCH_SESSION_ID_NOT_FOUND:
                self._id = NO_SESSION
            self._epoch = INITIAL_EPOCH  # with an id: the leader ends that session
            return False
        if session_id == NO_SESSION:
            self._id, self._epoch = NO_SESSION, INITIAL_EPOCH
        else:
            self._id = session_id
            self._epoch = 1 if self._epoch == MAX_EPOCH else self._epoch + 1
            self._known = self._saying
        return True

    def _topics(self, news: Iterable[tuple[Key, Position]]) -> tuple[FetchTopic, ...]:
        topics: dict[str, list[FetchPartition]] = {}
        for (topic, index), where in news:
            topics.setdefault(topic, []).append(
                FetchPartition(
                    partition=index,
                    current_leader_epoch=where.leader_epoch,
                    fetch_offset=where.fetch_offset,
                    last_fetched_epoch=where.last_epoch,
                    log_start_offset=where.log_start_offset,
                    partition_max_bytes=self._partition_max_bytes,
                )
            )
        return tuple(
            FetchTopic(topic=topic, partitions=tuple(partitions))
            for topic, partitions in topics.items()
        )


def _forgotten(keys: Iterable[Key]) -> tuple[ForgottenTopic, ...]:
    topics: dict[str, list[int]] = {}
    for topic, index in keys:
        topics.setdefault(topic, []).append(index)
    return tuple(
        ForgottenTopic(topic=topic, partitions=tuple(partitions))
        for topic, partitions in topics.items()
    )
