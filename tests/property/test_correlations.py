"""Correlations against a plain recomputation of every window, whatever the order of delivery."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detections.correlation.chain import Chain
from detections.correlation.correlator import CorrelatorState
from detections.correlation.definition import Correlation
from detections.correlation.hit import Firing, Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.correlation.partition import Tick
from tests.support.correlations import correlation, firings_of, hit, naive_firings
from tests.support.hits_log import SOURCE, HitsLog

LATENESS = 20
# Long after everything, in microseconds.
LATER = 10**12
RULES = ("a", "b", "c")
NUMBERS = {"field": "bytes"}
CORRELATIONS: dict[str, dict[str, Any]] = {
    "count": {"condition": {"gte": 3}},
    "count gt": {"condition": {"gt": 1}},
    "count range": {"condition": {"gt": 1, "lte": 3}},
    "count lt": {"condition": {"lt": 3}},
    "count eq": {"condition": {"eq": 2}},
    "count neq": {"condition": {"neq": 2}},
    "count fraction": {"condition": {"gte": 1.5}},
    "values": {"type": "value_count", "condition": {"field": "x", "gte": 3}},
    "values lte": {"type": "value_count", "condition": {"field": "x", "lte": 2}},
    "sum": {"type": "value_sum", "condition": {**NUMBERS, "gt": 2.5}},
    "sum lt": {"type": "value_sum", "condition": {**NUMBERS, "lt": 0.5}},
    "average": {"type": "value_avg", "condition": {**NUMBERS, "gte": 0.3}},
    "average eq": {"type": "value_avg", "condition": {**NUMBERS, "eq": 0.1}},
    "percentile": {
        "type": "value_percentile",
        "condition": {**NUMBERS, "percentile": 90, "gte": 1},
    },
    "median": {"type": "value_median", "condition": {**NUMBERS, "gt": 0.2}},
    "median lte": {"type": "value_median", "condition": {**NUMBERS, "lte": 0.2}},
    "temporal": {"type": "temporal", "rules": RULES, "condition": None},
    "temporal two": {"type": "temporal", "rules": RULES, "condition": {"gte": 2}},
    "temporal lt": {"type": "temporal", "rules": RULES, "condition": {"lt": 3}},
    "ordered": {"type": "temporal_ordered", "rules": RULES, "condition": None},
    "ordered twice": {"type": "temporal_ordered", "rules": ("a", "b", "a"), "condition": None},
    "ordered two": {"type": "temporal_ordered", "rules": RULES, "condition": {"gte": 2}},
    "ordered eq": {"type": "temporal_ordered", "rules": RULES, "condition": {"eq": 2}},
    "expression": {"type": "temporal", "rules": None, "condition": "a and (b or c)"},
    "expression not": {"type": "temporal", "rules": None, "condition": "a and not (b or not c)"},
    "ordered expression": {
        "type": "temporal_ordered",
        "rules": None,
        "condition": "(a or b) and c and a",
    },
    "absence": {"type": "absence", "condition": None},
    "ordered not": {"type": "temporal_ordered", "rules": None, "condition": "a and not b and c"},
}


drawn = st.lists(
    st.tuples(
        st.integers(0, 40),  # when, in steps of five seconds
        st.integers(0, LATENESS),  # how long it was on its way
        st.sampled_from("aab"),  # whose group
        st.integers(0, 2),  # which rule
        st.sampled_from(("0.1", "0.2", "1", "-1", "2.5")),
        st.booleans(),  # whether it is the event before, matched by another rule
        st.booleans(),  # whether it is delivered twice
    ),
    max_size=20,
)
Drawn = tuple[int, int, str, int, str, bool, bool]


def deliveries(of: Correlation, found: Sequence[Drawn]) -> list[Hit]:
    """Hits in an order of delivery: each delayed by no more than the lateness, some sent twice."""
    has_rules = of.kind in ("temporal", "temporal_ordered")
    hits: list[Hit] = []
    for number, (step, delay, user, place, value, is_same, is_again) in enumerate(found):
        one = hit(
            of,
            step * 5,
            number=number,
            user=user,
            rule=of.rules[place % len(of.rules)] if has_rules else "",
            value=value,
            received=step * 5 + delay,
        )
        if has_rules and is_same and hits:
            one = msgspec.structs.replace(hits[-1], rule=one.rule)
        hits += [one, one] if is_again else [one]
    return sorted(hits, key=lambda one: one.received_us)


def run(
    chain: Chain, hits: Sequence[Hit], *, start: int = 0, stop: int | None = None
) -> list[Firing]:
    """Deliver hits, telling after each how far receipt has come."""
    fired = []
    for one in hits:
        fired += chain.advance(one.received_us - 1)
        chain.observe([one])
    return fired


def chain_of(*correlations: Correlation) -> Chain:
    return Chain(Links(correlations), Limits(), lateness_us=LATENESS * 1_000_000)


@pytest.mark.parametrize("kind", CORRELATIONS)
@settings(max_examples=40)
@given(found=drawn)
def test_what_fires_is_what_a_look_at_every_window_finds(kind: str, found: list[Drawn]) -> None:
    of = correlation(**CORRELATIONS[kind])
    hits = deliveries(of, found)
    chain = chain_of(of)

    fired = run(chain, hits) + chain.advance(LATER) + chain.flush()

    assert firings_of(fired) == naive_firings(of, hits)
    assert not chain.uncounted()
    assert (chain.correlator.hits, chain.correlator.groups) == (0, 0)


@pytest.mark.parametrize("kind", CORRELATIONS)
@settings(max_examples=15)
@given(found=drawn, part=st.floats(0, 1))
def test_state_that_was_kept_goes_on_as_if_nothing_had_happened(
    kind: str, found: list[Drawn], part: float
) -> None:
    of = correlation(**CORRELATIONS[kind])
    hits = deliveries(of, found)
    cut = int(part * len(hits))
    before, after = chain_of(of), chain_of(of)

    fired = run(before, hits[:cut])
    kept = msgspec.json.encode(before.correlator.state())
    after.correlator.restore(msgspec.json.decode(kept, type=CorrelatorState))
    fired += run(after, hits[cut:]) + after.advance(LATER) + after.flush()

    assert firings_of(fired) == naive_firings(of, hits)


OTHER = "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c010"


@pytest.mark.parametrize("condition", [{"gte": 2}, {"eq": 2}, {"gte": 2, "lt": 4}])
@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
@settings(max_examples=40)
@given(found=drawn)
def test_a_chain_fires_as_if_each_level_had_seen_all_of_the_one_below(
    kind: str, condition: dict[str, int], found: list[Drawn]
) -> None:
    below = correlation(name="many", condition=condition)
    above = correlation(id_=OTHER, type=kind, rules=["many", "ok"], condition=None, timespan="90s")
    counted = deliveries(below, [(*one[:6], False) for one in found if one[3] < 2])
    joined = deliveries(above, [(*one[:6], False) for one in found if one[3] == 2])
    joined = [
        msgspec.structs.replace(
            one,
            rule="ok",
            event=msgspec.structs.replace(one.event, id=f"ok{one.event.id}"),
        )
        for one in joined
    ]
    chain = chain_of(below, above)
    hits = sorted([*counted, *joined], key=lambda one: one.received_us)

    fired = run(chain, hits) + chain.advance(LATER) + chain.flush()

    lower = naive_firings(below, counted)
    risen = [
        msgspec.structs.replace(
            hit(above, 0, user=group.removeprefix("user="), rule="many"),
            time_us=decided,
            event=msgspec.structs.replace(hit(above, 0).event, id=event),
        )
        for group, event, decided, _ in lower
    ]
    upper = naive_firings(above, [*risen, *joined])
    got = firings_of(one for one in fired if one.correlation.id == OTHER)
    assert firings_of(one for one in fired if one.correlation.id != OTHER) == lower
    assert [one[:3] for one in got] == [one[:3] for one in upper]


@pytest.mark.parametrize("kind", ["count", "sum lt", "ordered", "expression not", "absence"])
@settings(max_examples=25)
@given(found=drawn, kills=st.lists(st.integers(0, 4), max_size=30))
def test_over_partitions_and_kills_the_same_fires_and_nothing_twice(
    kind: str, found: list[Drawn], kills: list[int]
) -> None:
    below = correlation(name="below", **CORRELATIONS[kind])
    above = correlation(id_=OTHER, rules=["below"], group_by=["user"], condition={"gte": 2})
    hits = deliveries(below, found)
    links = Links([below, above])
    whole = Chain(links, Limits(), lateness_us=LATENESS * 1_000_000)
    expected = firings_of(run(whole, hits) + whole.advance(LATER) + whole.flush())
    log = HitsLog(links, partitions=3, sources=[SOURCE], lateness_us=LATENESS * 1_000_000)

    for number, one in enumerate(hits):
        log.write([one], [Tick(received_us={SOURCE: one.received_us - 1})])
        log.run(killed=kills[number] if number < len(kills) else -1)
    for end in range(4):
        log.write([], [Tick(received_us={SOURCE: (10**6 + end) * 1_000_000})])
        log.run(killed=end)

    assert firings_of(log.fired) == expected
    assert log.left() == 0
