"""The windows of every correlation: hits in, in any order; firings out. Pure.

A hit waits until the watermark has passed its receipt; then it is counted, after those of its
group that are earlier in event time. So the same hits give the same firings in whatever order they
are delivered within the lateness, and however often. A hit whose place among those of its group has
been passed is late: named, by correlation, and left out.

A correlation of a higher level counts the firings of lower ones; whoever drives a correlator takes
them there (``detections.correlation.chain`` within one process).
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from heapq import heappop, heappush

import msgspec

from detections.correlation.changelog import Change
from detections.correlation.definition import Correlation
from detections.correlation.hit import Firing, GroupKey, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.correlation.window import Turn, Window, WindowState

# Nothing else is to come.
FOREVER = 1 << 62
_WAITS, _ENDS = range(2)
# What happens next, by receipt: a hit has waited, or the time of a window is over.
_Plan = tuple[int, int, Turn, GroupKey]
_NO_TURN: Turn = (0, "", 0)


class CorrelatorState(msgspec.Struct, frozen=True, kw_only=True):
    """A correlator as it is kept between processes.

    Attributes:
        windows: Every group; of each correlation, those longest without a hit first.
    """

    windows: tuple[WindowState, ...]


class Correlator:
    """The windows of every correlation.

    Args:
        links: The correlations.
        limits: How much may be remembered.
        keeps_changes: Whether somebody asks for ``changes``.

    Attributes:
        counts: How many hits were ``late`` or ``lost`` by a group that holds all it may, and how
            many groups were ``evicted``, by id of the correlation and that word.
        hits: How many are held.
        groups: How many are followed.
    """

    def __init__(self, links: Links, limits: Limits, *, keeps_changes: bool = False) -> None:
        self._links = links
        self._limits = limits
        self._windows: dict[str, OrderedDict[GroupKey, Window]] = {
            one: OrderedDict() for one in links.correlations
        }
        self._hits_of: Counter[str] = Counter()
        self._plans: list[list[_Plan]] = [[] for _ in range(links.depth)]
        self._changed: dict[GroupKey, Change] | None = {} if keeps_changes else None
        self.counts: Counter[tuple[str, str]] = Counter()
        self.hits = 0
        self.groups = 0

    @property
    def depth(self) -> int:
        """How many levels of correlations there are."""
        return len(self._plans)

    def observe(self, hit: Hit) -> None:
        """Let a hit wait for its turn; one that is known already, or late, changes nothing."""
        correlation = self._links.correlations.get(hit.correlation)
        if correlation is None:
            return
        windows, key = self._windows[correlation.id], hit.key
        window = windows.get(key)
        if window is None:
            window = self._new_window(correlation, key)
        elif window.knows(hit):
            return
        elif window.is_late(hit):
            self.counts[correlation.id, "late"] += 1
            return
        windows.move_to_end(key)
        if not window.wait(hit):
            self.counts[correlation.id, "lost"] += 1
            return
        self._plan(hit, window)
        self._note(key, window, (window.turn_of(hit), hit))
        self._hold(correlation.id, 1)
        self._make_room(correlation.id)

    def advance(self, level: int, watermark_us: int) -> list[Firing]:
        """Count the hits of a level that were received by then; what fires.

        Every hit of the level received by then has been observed, those that are firings too.
        """
        firings: list[Firing] = []
        plans = self._plans[level]
        while plans and plans[0][0] <= watermark_us:
            plan = heappop(plans)
            window = self._windows[plan[3][0]].get(plan[3])
            if window is not None:
                firings += self._carry_out(plan, window)
        return firings

    def note_firing(self, key: GroupKey, time_us: int) -> None:
        """Know that a group fired on an event of that time, so that it is quiet after it."""
        if key[0] in self._windows and key in self._windows[key[0]]:
            self._windows[key[0]][key].note_firing(time_us)

    def changes(self) -> Iterator[Change]:
        """What became of groups since the last call."""
        changed, self._changed = self._changed or {}, {}
        yield from changed.values()

    def follows(self, key: GroupKey) -> bool:
        """Whether there is such a group."""
        return key in self._windows.get(key[0], ())

    def state(self) -> CorrelatorState:
        """What another correlator needs to go on as this one would."""
        every = (window for windows in self._windows.values() for window in windows.values())
        return CorrelatorState(windows=tuple(window.state() for window in every))

    def restore(self, state: CorrelatorState) -> None:
        """Go on where another correlator left off, with the groups of correlations unchanged."""
        for kept in state.windows:
            correlation = self._links.correlations.get(kept.key[0])
            if correlation is not None and correlation.revision == kept.revision:
                window = self._new_window(correlation, kept.key)
                window.restore(kept)
                for hit in kept.waiting:
                    self._plan(hit, window)
                self._hold(correlation.id, window.held)
                self._plan_end(window)

    def _new_window(self, correlation: Correlation, key: GroupKey) -> Window:
        self.groups += 1
        window = Window(correlation, key, most=self._limits.group_hits)
        self._windows[correlation.id][key] = window
        return window

    def _plan(self, hit: Hit, window: Window) -> None:
        plan = (hit.received_us, _WAITS, window.turn_of(hit), window.key)
        heappush(self._plans[self._links.levels[hit.correlation]], plan)

    def _plan_end(self, window: Window) -> None:
        """See to it that a window is looked at when its time may be over."""
        if window.planned_us is None and window.end_us is not None:
            window.planned_us = window.end_us
            level = self._links.levels[window.key[0]]
            heappush(self._plans[level], (window.end_us, _ENDS, _NO_TURN, window.key))

    def _carry_out(self, plan: _Plan, window: Window) -> list[Firing]:
        at, what, turn, key = plan
        held, lost = window.held, window.lost
        self._note(key, window)
        firings: list[Firing] = []
        if what == _WAITS:
            firings = window.take(turn)
        elif window.planned_us == at:  # else of a group that gave way and came again
            window.planned_us = None
            if window.end_us is not None and window.end_us <= at:
                firings = window.end()
        if window.lost > lost:
            self.counts[key[0], "lost"] += window.lost - lost
        self._hold(key[0], window.held - held)
        if window.held:
            self._plan_end(window)
        else:
            self._forget(window)
        return firings

    def _hold(self, one: str, more: int) -> None:
        self._hits_of[one] += more
        self.hits += more

    def _note(self, key: GroupKey, window: Window | None, *hits: tuple[Turn, Hit]) -> None:
        """Remember that a group has changed, and which hits it has accepted."""
        if self._changed is None:
            return
        known = self._changed.get(key)
        if known is None or window is None:
            self._changed[key] = Change(key, window, window is None, list(hits))
        else:
            assert isinstance(known.hits, list), "made here"
            known.hits.extend(hits)
            if known.window is None:
                self._changed[key] = known._replace(window=window)

    def _forget(self, window: Window) -> None:
        self._note(window.key, None)
        self._hold(window.key[0], -window.held)
        self.groups -= 1
        del self._windows[window.key[0]][window.key]

    def _make_room(self, one: str) -> None:
        """Let those groups go that were longest without a hit, of whoever takes too much."""
        limits = self._limits
        while self._hits_of[one] > limits.rule_hits or len(self._windows[one]) > limits.rule_groups:
            self._evict(one)
        while self.hits > limits.hits:
            self._evict(max(self._hits_of, key=self._hits_of.__getitem__))
        while self.groups > limits.groups:
            self._evict(max(self._windows, key=lambda other: len(self._windows[other])))

    def _evict(self, one: str) -> None:
        window = next(iter(self._windows[one].values()))
        self.counts[one, "evicted"] += 1
        self._forget(window)
