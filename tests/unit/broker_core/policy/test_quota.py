"""Which quota applies to whom, and how long a pause is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_core.policy.quota import (
    BURST_SECONDS,
    LONGEST_PAUSE_SECONDS,
    PRODUCER_BYTE_RATE,
    Entity,
    Limit,
    Meter,
    entity,
    limit_of,
)

KEY = PRODUCER_BYTE_RATE
IN_ORDER: list[tuple[Entity, tuple[str | None, str | None]]] = [
    (entity("ada", "app"), ("ada", "app")),
    (entity("ada", default="client-id"), ("ada", "app")),
    (entity("ada"), ("ada", None)),
    (entity(client_id="app", default="user"), ("ada", "app")),
    (entity(default="user client-id"), ("ada", "app")),
    (entity(default="user"), ("ada", None)),
    (entity(client_id="app"), (None, "app")),
    (entity(default="client-id"), (None, "app")),
]


@pytest.mark.parametrize("number", range(len(IN_ORDER)))
def test_the_most_particular_entity_counts(number: int) -> None:
    quotas = {who: {KEY: float(rate + 1)} for rate, (who, _) in enumerate(IN_ORDER)}
    for who, _ in IN_ORDER[:number]:
        del quotas[who]

    assert limit_of(quotas, KEY, "ada", "app") == Limit(IN_ORDER[number][1], number + 1.0)


def test_others_and_other_keys_have_no_limit() -> None:
    quotas = {entity("ada", "app"): {KEY: 1.0}}

    assert limit_of(quotas, KEY, "ada", "other") is None
    assert limit_of(quotas, KEY, "bob", "app") is None
    assert limit_of(quotas, "consumer_byte_rate", "ada", "app") is None
    assert limit_of({}, KEY, "ada", "app") is None


def test_a_second_s_worth_is_free_and_more_is_made_up_by_waiting() -> None:
    meter, limit = Meter(), Limit(("ada", None), 1000.0)

    assert meter.pause_seconds(KEY, limit, 1000, 10.0) == 0
    assert meter.pause_seconds(KEY, limit, 500, 10.0) == 0.5
    assert meter.pause_seconds(KEY, limit, 0, 10.25) == 0.25
    assert meter.pause_seconds(KEY, limit, 100, 10.6) == 0
    assert meter.pause_seconds("consumer_byte_rate", limit, 1000, 10.6) == 0, "another quota"


def test_no_pause_is_longer_than_the_longest() -> None:
    meter, limit = Meter(), Limit(("ada", None), 1.0)

    assert meter.pause_seconds(KEY, limit, 10**9, 0.0) == LONGEST_PAUSE_SECONDS


def test_who_has_used_nothing_for_long_is_forgotten() -> None:
    meter, limit = Meter(), Limit(("ada", None), 10.0)
    meter.pause_seconds(KEY, limit, 5, 0.0)

    meter.forget_full(0.1)
    assert len(meter) == 1
    meter.forget_full(0.5)
    assert len(meter) == 0


@given(
    rate=st.floats(1, 10**6),
    uses=st.lists(st.tuples(st.floats(0, 2), st.integers(0, 10**6)), min_size=1, max_size=30),
)
def test_who_pauses_as_told_never_gets_more_than_the_rate(
    rate: float, uses: list[tuple[float, int]]
) -> None:
    meter, limit = Meter(), Limit(("ada", None), rate)
    now = used = 0.0
    for idle, size in uses:
        now += idle
        size = min(size, int(rate * LONGEST_PAUSE_SECONDS))
        now += meter.pause_seconds(KEY, limit, size, now)
        used += size

    assert used <= rate * (now + BURST_SECONDS) * (1 + 1e-6) + 1
