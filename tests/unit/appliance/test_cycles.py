import gc
from collections.abc import Iterator

import pytest

from appliance.cycles import OLDER_EVERY, YOUNG_OBJECTS, keep_what_is_loaded, look_seldom


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.collect()
    Knot.forgotten = 0
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


class Knot:
    """Something that only a look for cycles can forget."""

    forgotten = 0

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        Knot.forgotten += 1


def test_cycles_are_still_found_only_later() -> None:
    look_seldom()

    for _ in range(3 * YOUNG_OBJECTS):
        Knot()

    assert gc.get_threshold() == (YOUNG_OBJECTS, OLDER_EVERY, OLDER_EVERY)
    assert Knot.forgotten >= YOUNG_OBJECTS


def test_what_is_loaded_is_left_alone_and_what_is_loose_by_then_is_forgotten() -> None:
    gc.disable()
    Knot()

    keep_what_is_loaded()
    gc.enable()

    assert Knot.forgotten == 1
    assert gc.get_freeze_count() > 1_000
