from detections.correlation.watermark import SourceClock, least


def test_receipt_counts_on_and_never_goes_back() -> None:
    clock = SourceClock(since_us=0)

    assert clock.received_us is None
    assert [clock.observe(at, now_us=100) for at in (50, 40, 60)] == [50, 50, 60]
    assert clock.received_us == 60


def test_our_own_clock_is_believed_when_that_is_said() -> None:
    clock = SourceClock(since_us=100)
    assert clock.still_us(109) == 9
    clock.believe(110)
    assert clock.received_us == 110

    assert clock.observe(70, now_us=115) == 110
    assert clock.still_us(120) == 10


def test_the_slowest_partition_leads_and_an_unknown_one_stops_all() -> None:
    assert least([5, 3, 9]) == 3
    assert least([5, None]) is None
    assert least([]) is None
