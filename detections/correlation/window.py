"""The hits of one group: those that wait, and those in the window. Pure.

Two kinds of window. Where more hits can only help (``gt``, ``gte``), the window slides: at every
hit it is what lies within one timespan before it, both ends included. Where they can hurt (``lt``,
``lte``, ``eq``, ``neq``, ``not``), it begins with a hit, lasts one timespan and is judged whole
when it closes; the next hit begins the next one.

Of ``absence`` the window holds the last hit; it fires when that has been alone for one timespan.
"""

from bisect import insort
from collections import deque

import msgspec

from detections.correlation.definition import Correlation
from detections.correlation.hit import Firing, GroupKey, Hit, events_of
from detections.correlation.measure import measure_of, most_of

# An event counts once for a group, or once for each rule where rules are told apart.
HitId = tuple[str, str]
# The order in which hits count: event time, event, place of the rule.
Turn = tuple[int, str, int]


def id_of(hit: Hit) -> HitId:
    """What makes a hit the same hit, however often it is delivered."""
    return hit.event.id, hit.rule


class WindowState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One group as it is kept between processes.

    Attributes:
        key: Which group.
        revision: Of the correlation; the state means nothing to another one.
        waiting: Hits whose turn has not come, in order.
        hits: Hits in the window, in order.
        last: The last turn taken.
        opened_us, opened_received_us: When the open window began; None if it slides or is shut.
        quiet_until_us: For a window that slides, until when it does not fire again.
        received_us: When the last of its hits was received.
        beyond: How many more hits the window had than are held.
    """

    key: GroupKey
    revision: str
    waiting: tuple[Hit, ...] = ()
    hits: tuple[Hit, ...] = ()
    last: Turn | None = None
    opened_us: int | None = None
    opened_received_us: int | None = None
    quiet_until_us: int | None = None
    received_us: int = 0
    beyond: int = 0


class Window:
    """One group.

    Args:
        correlation: Whose.
        key: Which group.
        most: How many hits are held, waiting and in the window each.
    """

    __slots__ = (
        "_beyond",
        "_closes",
        "_correlation",
        "_hits",
        "_known",
        "_last",
        "_measure",
        "_most",
        "_most_hits",
        "_opened",
        "_quiet_until_us",
        "_received_us",
        "_waiting",
        "key",
        "lost",
        "planned_us",
    )

    def __init__(self, correlation: Correlation, key: GroupKey, *, most: int) -> None:
        self._correlation = correlation
        self._closes = correlation.is_decided_at_close
        self._most = most
        self._most_hits = most_of(correlation, most)
        self._waiting: list[tuple[Turn, Hit]] = []
        self._hits: deque[Hit] = deque()
        self._known: set[HitId] = set()
        self._measure = measure_of(correlation)
        self._last: Turn | None = None
        self._opened: tuple[int, int] | None = None
        self._quiet_until_us: int | None = None
        self._received_us = 0
        self._beyond = 0
        self.key = key
        self.lost = 0
        self.planned_us: int | None = None

    @property
    def held(self) -> int:
        """How many hits it holds."""
        return len(self._waiting) + len(self._hits)

    def turn_of(self, hit: Hit) -> Turn:
        """When a hit's turn is."""
        rank = self._correlation.rules.index(hit.rule) if hit.rule else 0
        return hit.time_us, hit.event.id, rank

    def knows(self, hit: Hit) -> bool:
        """Whether it holds the hit already."""
        return id_of(hit) in self._known

    def is_late(self, hit: Hit) -> bool:
        """Whether the turn of the hit is over."""
        return self._last is not None and self.turn_of(hit) <= self._last

    def wait(self, hit: Hit) -> bool:
        """Let a hit wait for its turn; False if it holds too many."""
        if len(self._waiting) >= self._most:
            return False
        insort(self._waiting, (self.turn_of(hit), hit), key=_turn)
        self._known.add(id_of(hit))
        return True

    def take(self, until: Turn) -> list[Firing]:
        """Count every hit whose turn comes until then, in order; what fires."""
        count = 0
        firings: list[Firing] = []
        while count < len(self._waiting) and self._waiting[count][0] <= until:
            turn, hit = self._waiting[count]
            count += 1
            if self._opened is not None and hit.time_us > self._end_us(self._opened):
                firings += self._judged()
            self._last = turn
            self._received_us = max(self._received_us, hit.received_us)
            firings += self._counted(hit)
        del self._waiting[:count]
        return firings

    @property
    def end_us(self) -> int | None:
        """By receipt, when its hits are of no more use, or it is to be judged; None without any."""
        if not self._hits:
            return None
        begin = self._received_us if self._opened is None else self._opened[1]
        return begin + self._correlation.timespan_us

    def end(self) -> list[Firing]:
        """Its time is over: judge it, let its hits go."""
        firings: list[Firing] = []
        if self._opened is not None:
            firings = self.take((self._end_us(self._opened), _LAST, 0))
            firings += self._judged()
        elif self._waiting:  # they may belong to it
            self._received_us = min(hit.received_us for _, hit in self._waiting)
        else:
            if self._correlation.kind == "absence":
                firings = self._missed()
            self._empty()
        return firings

    def note_firing(self, time_us: int) -> None:
        """Know that it fired on an event of that time."""
        quiet_until_us = time_us + self._correlation.timespan_us
        self._quiet_until_us = max(self._quiet_until_us or quiet_until_us, quiet_until_us)

    def state(self) -> WindowState:
        """What another one needs to go on as this one would."""
        return msgspec.structs.replace(
            self.head()[0],
            waiting=tuple(hit for _, hit in self._waiting),
            hits=tuple(self._hits),
        )

    def head(self) -> tuple[WindowState, Turn | None]:
        """The same without its hits, and the turn of the oldest in the window."""
        opened_us, opened_received_us = self._opened or (None, None)
        state = WindowState(
            key=self.key,
            revision=self._correlation.revision,
            last=self._last,
            opened_us=opened_us,
            opened_received_us=opened_received_us,
            quiet_until_us=self._quiet_until_us,
            received_us=self._received_us,
            beyond=self._beyond,
        )
        return state, self.turn_of(self._hits[0]) if self._hits else None

    def restore(self, state: WindowState) -> None:
        """Go on where another one left off."""
        for hit in state.hits:
            self._hits.append(hit)
            self._known.add(id_of(hit))
            self._measure.add(hit)
        for hit in state.waiting:
            self.wait(hit)
        self._last = state.last
        if state.opened_us is not None and state.opened_received_us is not None:
            self._opened = state.opened_us, state.opened_received_us
        self._quiet_until_us = state.quiet_until_us
        self._received_us = state.received_us
        self._beyond = state.beyond

    def _counted(self, hit: Hit) -> list[Firing]:
        """Count the hit whose turn it is."""
        if self._closes:
            return self._grown(hit)
        if self._correlation.kind == "absence":
            return self._seen_again(hit)
        return self._slid(hit)

    def _seen_again(self, hit: Hit) -> list[Firing]:
        """Hold the last hit; what fires if it comes too long after the one before."""
        firings: list[Firing] = []
        if self._hits and hit.time_us - self._hits[-1].time_us > self._correlation.timespan_us:
            firings = self._missed()
        self._empty()
        self._add(hit)
        return firings

    def _missed(self) -> list[Firing]:
        """Nothing has come for one timespan after the last hit."""
        last, span = self._hits[-1], self._correlation.timespan_us
        return [self._firing(last.time_us + span, last.received_us + span)]

    def _slid(self, hit: Hit) -> list[Firing]:
        """What the window is when it ends with a hit."""
        begin = hit.time_us - self._correlation.timespan_us
        while self._hits and self._hits[0].time_us < begin:
            self._drop()
        self._add(hit)
        if self._quiet_until_us is not None and hit.time_us <= self._quiet_until_us:
            return []
        if not self._measure.holds(begin, self._hits, self._beyond):
            return []
        self._quiet_until_us = hit.time_us + self._correlation.timespan_us
        return [self._firing(hit.time_us, hit.received_us)]

    def _grown(self, hit: Hit) -> list[Firing]:
        """What becomes of the open window, or of a new one, with one more hit: nothing yet."""
        self._opened = self._opened or (hit.time_us, hit.received_us)
        self._add(hit)
        return []

    def _judged(self) -> list[Firing]:
        """Judge the open window whole, and have none."""
        assert self._opened is not None, "open"
        end = self._end_us(self._opened)
        holds = self._measure.holds(self._opened[0], self._hits, self._beyond)
        received_us = self._opened[1] + self._correlation.timespan_us
        firings = [self._firing(end, received_us)] if holds else []
        self._opened = None
        self._empty()
        return firings

    def _end_us(self, opened: tuple[int, int]) -> int:
        return opened[0] + self._correlation.timespan_us

    def _firing(self, decided_us: int, received_us: int) -> Firing:
        completing = self._hits[-1]
        return Firing(
            correlation=self._correlation,
            group=completing.group,
            completing=completing,
            events=events_of(self._hits, completing.event),
            event_count=sum(hit.count for hit in self._hits) + self._beyond,
            decided_us=decided_us,
            received_us=received_us,
        )

    def _add(self, hit: Hit) -> None:
        self._hits.append(hit)
        self._measure.add(hit)
        while len(self._hits) > self._most_hits:
            self._drop()
            if self._correlation.kind not in ("event_count", "absence"):
                self.lost += 1
            elif self._closes:
                self._beyond += 1

    def _drop(self) -> None:
        gone = self._hits.popleft()
        self._known.discard(id_of(gone))
        self._measure.remove(gone)

    def _empty(self) -> None:
        self._known.difference_update(map(id_of, self._hits))
        self._hits.clear()
        self._measure = measure_of(self._correlation)
        self._beyond = 0


# Later than every event of the same moment.
_LAST = chr(0x10FFFF)


def _turn(waiting: tuple[Turn, Hit]) -> Turn:
    return waiting[0]
