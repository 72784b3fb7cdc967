"""What is measured of a window's hits, kept up to date as they come and go. Pure.

A measure is fed hits in order and told which have left; asking it costs little, so that a busy
group costs no more per hit than a quiet one. The exception is an ordered boolean condition, which
is looked for in the whole window.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

from detections.correlation.definition import Bound, Correlation
from detections.correlation.expression import Term, happened, in_order
from detections.correlation.hit import MAX_ALERT_EVENTS, Hit
from detections.correlation.quantity import number_of

_NEVER = -(1 << 62)


class Measure(Protocol):
    """What one window amounts to."""

    def add(self, hit: Hit) -> None:
        """A hit has come, after all earlier ones."""

    def remove(self, hit: Hit) -> None:
        """The oldest hit has left."""

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        """Whether the condition is true of the window.

        Args:
            begin_us: When it begins.
            hits: What it holds, in order.
            beyond: How many more hits it had than are held.
        """


def most_of(correlation: Correlation, most: int) -> int:
    """How many hits a window needs at most for its measure, if at most ``most`` may be held."""
    if correlation.kind == "absence":
        return 1
    if correlation.kind == "event_count":  # the newest suffice: none asks for more than it holds
        limits = (_fraction(bound.limit) for bound in correlation.bounds)
        return max(MAX_ALERT_EVENTS, *(int(limit) + 1 for limit in limits))
    if correlation.kind == "temporal_ordered" and correlation.expression is not None:
        return min(most, MAX_ALERT_EVENTS)
    return most


def measure_of(correlation: Correlation) -> Measure:
    """An empty measure of a correlation's kind."""
    if correlation.expression is not None:
        if correlation.kind == "temporal_ordered":
            return _OrderedExpression(correlation.expression)
        return _Expression(correlation.expression)
    tests = _tests(correlation.bounds)
    match correlation.kind:
        case "event_count" | "absence":  # absence is told by the clock alone
            return _EventCount(tests)
        case "value_count":
            return _Distinct(tests)
        case "temporal":
            return _Rules(tests)
        case "temporal_ordered":
            return _Sequence(tests, correlation.rules)
        case "value_sum":
            return _Sum(tests)
        case "value_avg":
            return _Average(tests)
        case "value_percentile":
            return _Percentile(tests, _fraction(correlation.percentile) / 100)
        case "value_median":
            return _Percentile(tests, Fraction(1, 2))


_Tests = Sequence[tuple[str, Fraction]]
_Amount = int | Fraction


def _tests(bounds: Sequence[Bound]) -> _Tests:
    return [(bound.operator, _fraction(bound.limit)) for bound in bounds]


def _fraction(text: str) -> Fraction:
    number = number_of(text)
    assert number is not None, "checked when it was compiled"
    return number


def _satisfies(amount: _Amount, tests: _Tests) -> bool:
    return all(_compare(amount, operator, limit) for operator, limit in tests)


def _compare(amount: _Amount, operator: str, limit: Fraction) -> bool:
    match operator:
        case "gt":
            return amount > limit
        case "gte":
            return amount >= limit
        case "lt":
            return amount < limit
        case "lte":
            return amount <= limit
        case "eq":
            return amount == limit
    return amount != limit


class _EventCount:
    def __init__(self, tests: _Tests) -> None:
        self._tests = tests

    def add(self, hit: Hit) -> None:
        pass

    def remove(self, hit: Hit) -> None:
        pass

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return _satisfies(len(hits) + beyond, self._tests)


class _Distinct:
    def __init__(self, tests: _Tests) -> None:
        self._tests = tests
        self._values: Counter[str] = Counter()

    def add(self, hit: Hit) -> None:
        self._values[hit.value] += 1

    def remove(self, hit: Hit) -> None:
        _take(self._values, hit.value)

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return _satisfies(len(self._values), self._tests)


class _Rules:
    def __init__(self, tests: _Tests) -> None:
        self._tests = tests
        self._rules: Counter[str] = Counter()

    def add(self, hit: Hit) -> None:
        self._rules[hit.rule] += 1

    def remove(self, hit: Hit) -> None:
        _take(self._rules, hit.rule)

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return _satisfies(len(self._rules), self._tests)


class _Expression:
    def __init__(self, expression: Term) -> None:
        self._expression = expression
        self._rules: Counter[str] = Counter()

    def add(self, hit: Hit) -> None:
        self._rules[hit.rule] += 1

    def remove(self, hit: Hit) -> None:
        _take(self._rules, hit.rule)

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return happened(self._expression, self._rules)


class _OrderedExpression(_Expression):
    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        # Order only takes away, but for what a `not` in it asks.
        if not self._expression.negates() and not happened(self._expression, self._rules):
            return False
        return in_order(self._expression, _places(hits))


def _places(hits: Sequence[Hit]) -> Mapping[str, Sequence[int]]:
    """By rule, at which places of the window it matched; one event is at one place."""
    places: dict[str, list[int]] = {}
    place, last = -1, ""
    for hit in hits:
        place += hit.event.id != last
        last = hit.event.id
        places.setdefault(hit.rule, []).append(place)
    return places


class _Sequence:
    """How many of the rules, at most, came in their order.

    ``_starts[rule][length]`` is the latest time at which a chain of that many hits began whose last
    is of that rule. Later chains are never worse, so nothing has to be taken back. A chain is built
    on what was known before the event, so that no event is its own successor.
    """

    def __init__(self, tests: _Tests, rules: Sequence[str]) -> None:
        self._tests = tests
        self._rules = rules
        self._starts = [[_NEVER] * (place + 1) for place in range(len(rules))]
        self._before = self._starts
        self._event = ""

    def add(self, hit: Hit) -> None:
        if hit.event.id != self._event:
            self._event = hit.event.id
            self._before = [list(starts) for starts in self._starts]
        for place, rule in enumerate(self._rules):
            if rule != hit.rule:
                continue
            starts = self._starts[place]
            starts[0] = hit.time_us
            for length in range(1, place + 1):
                known = (self._before[at][length - 1] for at in range(length - 1, place))
                starts[length] = max(starts[length], max(known))

    def remove(self, hit: Hit) -> None:
        pass

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        longest = 0
        for starts in self._starts:
            for length, start in enumerate(starts, 1):
                if start >= begin_us and length > longest:
                    longest = length
        return _satisfies(longest, self._tests)


class _Sum:
    def __init__(self, tests: _Tests) -> None:
        self._tests = tests
        self._sum = Fraction(0)
        self._count = 0

    def add(self, hit: Hit) -> None:
        self._sum += _fraction(hit.value)
        self._count += 1

    def remove(self, hit: Hit) -> None:
        self._sum -= _fraction(hit.value)
        self._count -= 1

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return _satisfies(self._sum, self._tests)


class _Average(_Sum):
    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        return self._count > 0 and _satisfies(self._sum / self._count, self._tests)


class _Percentile:
    """Between the two nearest values where none is at the place (SQL's PERCENTILE_CONT)."""

    def __init__(self, tests: _Tests, share: Fraction) -> None:
        self._tests = tests
        self._share = share
        self._values: list[Fraction] = []

    def add(self, hit: Hit) -> None:
        insort(self._values, _fraction(hit.value))

    def remove(self, hit: Hit) -> None:
        del self._values[bisect_left(self._values, _fraction(hit.value))]

    def holds(self, begin_us: int, hits: Sequence[Hit], beyond: int) -> bool:
        if not self._values:
            return False
        at = self._share * (len(self._values) - 1)
        low = int(at)
        high = min(low + 1, len(self._values) - 1)
        amount = self._values[low] + (self._values[high] - self._values[low]) * (at - low)
        return _satisfies(amount, self._tests)


def _take(counted: Counter[str], name: str) -> None:
    counted[name] -= 1
    if not counted[name]:
        del counted[name]
