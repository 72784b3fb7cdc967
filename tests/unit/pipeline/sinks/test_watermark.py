from hypothesis import given
from hypothesis import strategies as st

from pipeline.sinks.watermark import Watermark


@given(parts=st.lists(st.integers(0, 3), min_size=1, max_size=30), data=st.data())
def test_the_offset_moves_past_what_is_settled_with_all_before_it(
    parts: list[int], data: st.DataObject
) -> None:
    mark = Watermark()
    for offset, count in enumerate(parts):
        mark.begin(offset, parts=count)
    left = list(parts)
    reached = mark.advance() or 0

    for offset in data.draw(
        st.permutations([offset for offset, count in enumerate(parts) for _ in range(count)])
    ):
        moved = mark.settle(offset)
        left[offset] -= 1
        reached = moved or reached
        expected = next((at for at, open_parts in enumerate(left) if open_parts), len(parts))
        assert reached == expected

    assert len(mark) == 0
