"""The bucket of one address, and that of too many."""

from pipeline.collectors.clickstream.rate_limit import MAX_ADDRESSES, RateLimit


def test_an_address_is_refused_until_its_bucket_fills_again() -> None:
    limit = RateLimit(per_minute=60)

    assert all(limit.allows("a", 0.0) for _ in range(60))
    assert not limit.allows("a", 0.5)
    assert limit.allows("a", 1.0)
    assert limit.allows("b", 0.5)


def test_the_longest_silent_address_is_forgotten_first() -> None:
    limit = RateLimit(per_minute=1)
    limit.allows("old", 0.0)
    limit.allows("busy", 0.0)
    for number in range(MAX_ADDRESSES - 2):
        limit.allows(f"other{number}", 0.0)

    assert not limit.allows("busy", 1.0)
    limit.allows("newcomer", 1.0)
    assert not limit.allows("busy", 1.0)
    assert limit.allows("old", 1.0)
