from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema.event import EventIds, derived_event_id, uuid8


@given(clock_ns=st.integers(0, 2**48 * 1_000_000 - 1), count=st.integers(1, 2_000))
def test_ids_are_version_7_and_never_the_same(clock_ns: int, count: int) -> None:
    ids = EventIds(lambda: clock_ns)

    found = [ids.next() for _ in range(count)]

    assert len(set(found)) == count
    for one in map(UUID, found[:20]):
        assert (one.version, one.variant) == (7, "specified in RFC 4122")
        assert one.int >> 80 == clock_ns // 1_000_000


def test_ids_sort_by_time() -> None:
    clock = iter(range(0, 10**12, 10**9))
    ids = EventIds(lambda: next(clock))

    found = [ids.next() for _ in range(500)]

    assert found == sorted(found)


def test_a_derived_id_is_of_its_position_and_of_no_other() -> None:
    positions = [("c", "t", 0, 1), ("c", "t", 1, 0), ("c", "t", 0, 10), ("ct", "", 0, 1)]

    found = [derived_event_id(*at) for at in positions]

    assert len(set(found)) == len(positions)
    assert found == [derived_event_id(*at) for at in positions]
    assert {UUID(one).version for one in found} == {8}


@given(digest=st.binary(min_size=16, max_size=64))
def test_version_and_variant_take_six_bits_of_a_digest(digest: bytes) -> None:
    found = uuid8(digest)

    assert (found.version, found.variant) == (8, "specified in RFC 4122")
    mask = ~(0xF << 76 | 0x3 << 62) & (2**128 - 1)
    assert found.int & mask == int.from_bytes(digest[:16], "big") & mask
