"""Decisions and tokens through a cluster, on every one."""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from uuid import uuid4

from pipeline.bus.control import ControlFollower, ControlPublisher
from pipeline.bus.credentials import Tokens
from pipeline.bus.producer import OutgoingRecord, Producer
from pipeline.schema.control import Decision, RuleState, TokenGrant
from pipeline.schema.topics import CONTROL, CONTROL_HISTORY
from pipeline.settings import BusSettings
from tests.support.broker import everything, product_topics


def grant(token: str, *, revision: int = 1, revoked: bool = False, id: str = "") -> TokenGrant:
    return TokenGrant(
        id=id or uuid4().hex,
        revision=revision,
        digest=sha256(token.encode()).hexdigest(),
        role="ingest",
        revoked=revoked,
    )


async def publish(bus: BusSettings, *decisions: Decision) -> None:
    async with Producer(bus, client_id="test") as producer:
        await ControlPublisher(producer).publish(decisions)


async def test_a_follower_knows_what_was_decided_before_it_came(bus: BusSettings) -> None:
    await product_topics(bus)
    rule = RuleState(id=uuid4().hex, revision=1, enabled=False)
    await publish(bus, rule)

    async with ControlFollower(bus) as follower:
        assert follower.decisions[f"rule:{rule.id}"] == rule


async def test_a_follower_hears_of_what_is_decided_later(bus: BusSettings) -> None:
    await product_topics(bus)
    rule = RuleState(id=uuid4().hex, revision=1, enabled=False)
    heard: list[tuple[str, Decision | None]] = []

    async with ControlFollower(bus, on_change=lambda key, to: heard.append((key, to))) as follower:
        heard.clear()
        await publish(bus, rule)
        assert await follower.catch_up(30)

    assert heard == [(f"rule:{rule.id}", rule)]


async def test_an_older_revision_that_comes_late_changes_nothing(bus: BusSettings) -> None:
    await product_topics(bus)
    newer = RuleState(id=uuid4().hex, revision=5, enabled=False)
    older = RuleState(id=newer.id, revision=4, enabled=True)
    await publish(bus, newer)
    await publish(bus, older)

    async with ControlFollower(bus) as follower:
        assert follower.decisions[f"rule:{newer.id}"] == newer


async def test_a_record_without_a_value_withdraws_a_decision(bus: BusSettings) -> None:
    await product_topics(bus)
    rule = RuleState(id=uuid4().hex, revision=1)
    await publish(bus, rule)
    async with Producer(bus, client_id="test") as producer:
        key = f"rule:{rule.id}"
        await producer.publish([OutgoingRecord(topic=CONTROL, key=key.encode(), value=None)])

    async with ControlFollower(bus) as follower:
        assert key not in follower.decisions


async def test_a_decision_of_a_later_version_is_passed_over(bus: BusSettings) -> None:
    await product_topics(bus)
    rule = RuleState(id=uuid4().hex, revision=1)
    async with Producer(bus, client_id="test") as producer:
        await producer.publish(
            [OutgoingRecord(topic=CONTROL, key=b"new:1", value=b'{"type":"new","id":"1"}')]
        )
    await publish(bus, rule)

    async with ControlFollower(bus) as follower:
        assert f"rule:{rule.id}" in follower.decisions
        assert "new:1" not in follower.decisions


async def test_every_decision_is_kept_in_the_history(bus: BusSettings) -> None:
    await product_topics(bus)
    rule = RuleState(id=uuid4().hex, revision=1)
    await publish(bus, rule)

    keys = [record.key for record in await everything(bus, CONTROL_HISTORY)]

    assert keys.count(f"rule:{rule.id}".encode()) == 1


async def test_a_token_made_a_moment_ago_works_at_once(bus: BusSettings) -> None:
    await product_topics(bus)
    async with ControlFollower(bus) as follower:
        tokens = Tokens(follower)
        await publish(bus, grant("fresh"))

        assert await tokens.role_of("fresh") == "ingest"


async def test_a_revoked_token_has_no_role(bus: BusSettings) -> None:
    await product_topics(bus)
    id = uuid4().hex
    async with ControlFollower(bus) as follower:
        tokens = Tokens(follower)
        await publish(bus, grant("bad", id=id))
        assert await tokens.role_of("bad") == "ingest"
        await publish(bus, grant("bad", id=id, revision=2, revoked=True))
        await follower.catch_up(30)

        assert await tokens.role_of("bad") is None


async def test_a_flood_of_unknown_tokens_shares_one_look(bus: BusSettings) -> None:
    await product_topics(bus)
    async with ControlFollower(bus) as follower:
        looks = _counted(follower)
        tokens = Tokens(follower)

        roles = await asyncio.gather(*(tokens.role_of(f"guess {n}") for n in range(200)))

    assert roles == [None] * 200
    assert looks() <= 2


def _counted(follower: ControlFollower) -> Callable[[], int]:
    """How often a follower was asked to catch up."""
    looks = 0
    catch_up = follower.catch_up

    async def counting(timeout_seconds: float) -> bool:
        nonlocal looks
        looks += 1
        return await catch_up(timeout_seconds)

    follower.catch_up = counting  # type: ignore[method-assign]
    return lambda: looks
