import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from pipeline.errors import StoreUnavailable
from tests.support.console import TestedConsole
from tests.support.filled import SCRIPT, Backends
from web.operations.standing import RoleState, Standing
from web.security.audit import COMMAND_LINE
from web.streams import alerts, overview, pipeline
from web.streams.channel import Channel
from web.triage import acknowledge


def _channel(
    produce: Callable[[], Mapping[str, str]],
    closing: asyncio.Event,
    interval: timedelta = timedelta(milliseconds=5),
) -> Channel:
    async def made() -> Mapping[str, str]:
        return produce()

    return Channel("test", made, interval=interval, closing=closing)


async def _welcome() -> bool:
    return True


async def test_a_page_gets_what_changed_and_nothing_twice() -> None:
    rounds = iter([{"a": "1", "b": "x"}, {"a": "1", "b": "x"}, {"a": "2", "b": "x"}])
    last: dict[str, str] = {}

    def produce() -> Mapping[str, str]:
        last.update(next(rounds, {}))
        return dict(last)

    heard = []
    async with asyncio.timeout(30):
        async for message in _channel(produce, asyncio.Event()).listen(_welcome):
            heard.append(message)
            if message == b"event: a\ndata: 2\n\n":
                break

    assert heard[0] == b"retry: 3000\n\n"
    assert heard[1:3] == [b"event: a\ndata: 1\n\n", b"event: b\ndata: x\n\n"]
    assert len(heard) == 4


async def test_two_pages_share_one_producer() -> None:
    made = 0

    def produce() -> Mapping[str, str]:
        nonlocal made
        made += 1
        return {"a": str(made)}

    channel = _channel(produce, asyncio.Event())
    one, other = channel.listen(_welcome), channel.listen(_welcome)
    async with asyncio.timeout(30):
        await anext(one)
        await anext(other)
        assert channel.listeners == 2
        first, second = await anext(one), await anext(other)
    assert first == second == b"event: a\ndata: 1\n\n"
    for page in (one, other):
        await page.aclose()  # type: ignore[attr-defined]
    assert channel.listeners == 0


async def test_a_round_that_fails_is_skipped_and_the_next_one_counts() -> None:
    outcomes = iter([StoreUnavailable("away"), None])

    def produce() -> Mapping[str, str]:
        error = next(outcomes, None)
        if error is not None:
            raise error
        return {"a": "back"}

    async with asyncio.timeout(30):
        async for message in _channel(produce, asyncio.Event()).listen(_welcome):
            if message.startswith(b"event"):
                break

    assert message == b"event: a\ndata: back\n\n"


async def test_pages_are_let_go_when_the_console_stops() -> None:
    closing = asyncio.Event()
    page = _channel(lambda: {"a": "1"}, closing).listen(_welcome)
    async with asyncio.timeout(30):
        await anext(page)
        await anext(page)

        closing.set()

        assert [message async for message in page] == []


async def test_the_overview_s_blocks_are_sent_escaped(filled: TestedConsole) -> None:
    sent = await overview.messages(filled.console)

    assert set(sent) == {*overview.BLOCKS, "open_alerts", "roles"}
    assert "A critical thing happened" in sent["needs"]
    assert all(SCRIPT not in html for html in sent.values())
    assert "Needs someone" not in sent["strip"]


async def test_what_happened_meanwhile_is_sent_without_waiting_for_the_next_round() -> None:
    rounds = iter("123")
    channel = _channel(lambda: {"a": next(rounds)}, asyncio.Event(), interval=timedelta(hours=1))
    page = channel.listen(_welcome)
    async with asyncio.timeout(30):
        assert await anext(page) == b"retry: 3000\n\n"
        assert await anext(page) == b"event: a\ndata: 1\n\n"

        channel.wake()

        assert await anext(page) == b"event: a\ndata: 2\n\n"
    await page.aclose()  # type: ignore[attr-defined]


async def test_a_page_that_comes_later_is_not_told_what_was_before() -> None:
    rounds = iter(["old", "new"])
    channel = _channel(lambda: {"a": next(rounds)}, asyncio.Event(), interval=timedelta(hours=1))
    for wanted in (b"event: a\ndata: old\n\n", b"event: a\ndata: new\n\n"):
        page = channel.listen(_welcome)
        async with asyncio.timeout(30):
            await anext(page)
            assert await anext(page) == wanted
        await page.aclose()  # type: ignore[attr-defined]


async def test_alerts_are_counted_whatever_was_decided_about_them(
    filled: TestedConsole, backends: Backends
) -> None:
    acknowledge(filled.database, [backends.company.alerts[0].id], actor=COMMAND_LINE)

    sent = await alerts.messages(filled.console)

    assert (sent["kept"], sent["open_alerts"]) == ("4", "3")
    assert "State of roles unknown" in sent["roles"]


async def test_the_pipeline_s_blocks_are_sent_and_what_reads_much_is_read_seldom(
    filled: TestedConsole,
) -> None:
    clock = 0.0
    blocks = pipeline.Blocks(filled.console, clock=lambda: clock)

    sent = await blocks()
    first = blocks.losses
    clock = pipeline.LOSSES_AGE_SECONDS
    await blocks()
    second = blocks.losses
    clock += 1
    await blocks()

    assert set(sent) == {*pipeline.BLOCKS, "open_alerts", "roles"}
    assert "Every event is accounted for." in sent["ledger"]
    assert "heard in 24 h" in sent["stations"]
    assert first is second
    assert blocks.losses is not first


async def test_the_trouble_of_a_role_stands_beside_it(filled: TestedConsole) -> None:
    role = RoleState(state="running", restarts=2, trouble="no space left on <disk>")
    filled.console.watch.standing = Standing(roles={"sinks": role}, reachable=True)

    sent = await pipeline.Blocks(filled.console)()

    assert "no space left on &lt;disk&gt;" in sent["each_role"]
    assert 'class="dot late"' in sent["each_role"]


async def test_a_stream_wants_a_session_and_has_a_limit(console: TestedConsole) -> None:
    async with console.browser() as browser:
        assert (await browser.get("/streams/overview")).status_code == 401
