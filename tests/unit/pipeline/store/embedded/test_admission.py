import asyncio
import threading

import pytest

from pipeline.store.embedded.admission import Lane
from pipeline.store.embedded.errors import Busy


def lane(*, threads: int = 1, waiting: int = 1, wait_seconds: float = 30.0) -> Lane:
    return Lane("tests", threads=threads, waiting=waiting, wait_seconds=wait_seconds)


async def hold(found: Lane, let_go: asyncio.Event, entered: asyncio.Event) -> None:
    async with found.slot():
        entered.set()
        await let_go.wait()


async def test_who_comes_when_all_places_are_taken_waits_for_one() -> None:
    found = lane()
    let_go, first, second = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(found, let_go, first))
        await first.wait()
        tasks.create_task(hold(found, let_go, second))
        await asyncio.sleep(0)
        assert not second.is_set()
        let_go.set()

    assert second.is_set()


async def test_who_comes_when_the_queue_is_full_is_sent_away() -> None:
    found = lane()
    let_go, first, second = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(found, let_go, first))
        await first.wait()
        tasks.create_task(hold(found, let_go, second))
        await asyncio.sleep(0)
        with pytest.raises(Busy) as busy:
            async with found.slot():
                raise AssertionError("nobody may come in")
        let_go.set()

    assert busy.value.status == 503
    assert busy.value.code == 202


async def test_who_waits_too_long_is_sent_away_and_leaves_no_trace() -> None:
    found = lane(wait_seconds=0.01)
    let_go, first = asyncio.Event(), asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hold(found, let_go, first))
        await first.wait()
        with pytest.raises(Busy):
            async with found.slot():
                raise AssertionError("nobody may come in")
        let_go.set()

    async with found.slot():
        pass


async def test_a_place_comes_free_when_its_statement_fails() -> None:
    found = lane(waiting=0)

    with pytest.raises(ValueError, match="broken"):
        async with found.slot():
            raise ValueError("broken")

    async with found.slot():
        pass


async def test_a_cancelled_step_is_waited_for() -> None:
    found = lane()
    begun, end = threading.Event(), threading.Event()
    ended = False

    def work() -> None:
        nonlocal ended
        begun.set()
        end.wait(10)
        ended = True

    step = asyncio.create_task(found.step(work))
    await asyncio.to_thread(begun.wait, 10)
    step.cancel()
    asyncio.get_running_loop().call_later(0.02, end.set)
    with pytest.raises(asyncio.CancelledError):
        await step

    assert ended
    found.close()
