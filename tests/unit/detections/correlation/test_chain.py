from detections.correlation.chain import Chain
from detections.correlation.limits import Limits
from detections.correlation.links import Links
from tests.support.correlations import ID, correlation, hit

UPPER = ID[:-1] + "0"


def test_what_fires_below_counts_above_after_one_more_wait() -> None:
    many = correlation(name="many")
    success = correlation(
        id_=UPPER, type="temporal_ordered", rules=["many", "ok"], condition=None, timespan="5m"
    )
    chain = Chain(Links([success, many]), Limits(), lateness_us=10_000_000)
    chain.observe([hit(many, at) for at in (0, 1, 2)])
    chain.observe([hit(success, 30, rule="ok")])

    fired = [chain.advance(at * 1_000_000) for at in (11, 12, 49, 50)]

    assert [[one.correlation.id for one in each] for each in fired] == [[], [ID], [], [UPPER]]
    assert [event.offset for event in fired[3][0].events] == [0, 1_000, 2_000, 30_000]
    assert fired[3][0].event_count == 4
    assert chain.uncounted() == {}


def test_at_the_end_everything_is_decided() -> None:
    few = correlation(condition={"lt": 3}, name="few")
    upper = correlation(id_=UPPER, rules=["few"], type="temporal", condition=None)
    chain = Chain(Links([few, upper]), Limits(), lateness_us=10)
    chain.observe([hit(few, 0)])

    assert [one.correlation.id for one in chain.flush()] == [ID, UPPER]
