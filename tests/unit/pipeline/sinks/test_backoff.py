from itertools import islice

import pytest

from pipeline.errors import PartitionLost, StoreUnavailable
from pipeline.sinks.backoff import delays, until_done


def test_delays_double_up_to_the_longest() -> None:
    whole = delays(first=1.0, longest=5.0, dice=lambda: 1.0)

    assert list(islice(whole, 5)) == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_dice_spread_them_over_their_upper_half() -> None:
    assert list(islice(delays(first=1.0, longest=5.0, dice=lambda: 0.0), 3)) == [0.5, 1.0, 2.0]


async def test_it_tries_until_it_works() -> None:
    attempts = 0

    async def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise StoreUnavailable("down")
        return "done"

    assert await until_done(attempt, doing="test", what="it") == "done"
    assert attempts == 3


async def test_the_loss_of_a_partition_ends_it() -> None:
    async def attempt() -> None:
        raise PartitionLost("another member's")

    with pytest.raises(PartitionLost):
        await until_done(attempt, doing="test", what="it")


async def test_a_mistake_of_ours_is_not_repeated() -> None:
    async def attempt() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_done(attempt, doing="test", what="it")
