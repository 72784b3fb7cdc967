import msgspec

from detections.correlation.hit import Hit
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from detections.correlation.partition import HitsPartition, Tick
from tests.support.correlations import ID, correlation, hit

SOURCES = ("events.log:0", "events.log:1")
UPPER = ID[:-1] + "0"


def partition(*correlations: object, lateness_us: int = 0) -> HitsPartition:
    found = [one for one in correlations if isinstance(one, type(correlation()))]
    return HitsPartition(
        "hits:0",
        partitions=("hits:0", "hits:1"),
        sources=SOURCES,
        links=Links(found),
        limits=Limits(),
        lateness_us=lateness_us,
    )


def tick(first: int | None, second: int | None = None, *, level: int = 0) -> Tick:
    told = dict(zip(SOURCES, (first, second), strict=True))
    return Tick(
        level=level,
        received_us={source: at * 1_000_000 for source, at in told.items() if at is not None},
    )


def test_nothing_is_decided_before_every_source_has_told() -> None:
    of = correlation()
    machine = partition(of, lateness_us=5_000_000)
    for at in (0, 1, 2):
        machine.observe(hit(of, at))

    machine.observe(tick(100))
    assert machine.settle().firings == []
    machine.observe(tick(None, 6))
    assert machine.settle().firings == []
    machine.observe(tick(None, 7))
    [firing] = machine.settle().firings

    assert firing.event_count == 3
    assert machine.settle() == ([], [], [], [])


def test_a_tick_never_takes_back_what_an_earlier_one_said() -> None:
    of = correlation(condition={"gte": 1})
    machine = partition(of)
    for one in (tick(9, 9), tick(3, 3), hit(of, 8)):
        machine.observe(one)

    assert len(machine.settle().firings) == 1


def test_what_fires_below_goes_up_with_a_tick_and_is_not_counted_here() -> None:
    below = correlation(name="below", condition={"gte": 1})
    above = correlation(id_=UPPER, rules=["below"], condition={"gte": 1})
    machine = partition(below, above)
    machine.observe(hit(below, 1))
    machine.observe(tick(5, 6))

    found = machine.settle()

    assert [one.correlation.id for one in found.firings] == [ID]
    assert [(one.correlation, one.group) for one in found.hits] == [(UPPER, {"user": "a"})]
    assert found.ticks == [Tick(level=1, received_us={"hits:0": 5_000_000})]
    assert machine.settle().ticks == []

    machine.observe(found.hits[0])
    machine.observe(found.ticks[0])
    assert machine.settle().firings == []
    machine.observe(Tick(level=1, received_us={"hits:1": 5_000_000}))
    assert [one.correlation.id for one in machine.settle().firings] == [UPPER]


def moved(one: Hit, offset: int) -> Hit:
    event = msgspec.structs.replace(one.event, offset=offset)
    return msgspec.structs.replace(one, event=event)


def test_what_was_delivered_before_a_tick_is_a_repetition_even_when_it_is_forgotten() -> None:
    of = correlation(condition={"gte": 1})
    machine = partition(of)
    first = moved(hit(of, 1), 10)
    machine.observe(first)
    machine.observe(Tick(received_us={SOURCES[0]: 500_000_000}, offsets={SOURCES[0]: 11}))
    machine.observe(tick(None, 500))
    assert len(machine.settle().firings) == 1

    machine.observe(first)
    machine.observe(tick(900, 900))
    assert machine.settle().firings == []

    # A log that was made anew begins with small offsets.
    machine.observe(moved(hit(of, 950), 0))
    machine.observe(tick(960, 960))
    assert len(machine.settle().firings) == 1


def test_hits_for_another_revision_mean_nothing() -> None:
    of, before = correlation(condition={"gte": 1}), correlation(condition={"gte": 2})
    machine = partition(of)
    machine.observe(hit(before, 1))
    machine.observe(tick(9, 9))

    assert machine.settle() == ([], [], [], [])


def test_other_rules_take_over_what_did_not_change_and_let_go_of_the_rest() -> None:
    kept, gone = correlation(), correlation(id_=UPPER)
    before = partition(kept, gone)
    for of in (kept, gone):
        before.observe(hit(of, 1))
    before.observe(tick(0, 0))
    before.settle()

    after = partition(kept, correlation(id_=UPPER, timespan="90s"))
    changes = after.take_over(before)

    assert [(change.key[0], change.window) for change in changes] == [(UPPER, None)]
    assert after.correlator.hits == 1
    assert after.progress.received_us == before.progress.received_us
