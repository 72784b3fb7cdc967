"""The policy of a cluster: the controller's, changed from any node, and the same on all of them."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from broker_core.controller import Controller
from broker_core.errors import NotController, PolicyViolation, ResourceNotFound
from broker_core.policy.cluster_policy import MAX_CHANGE_BYTES, ClusterPolicy
from broker_core.policy.policy import Policy
from broker_core.policy.policy_store import Change
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism
from broker_core.replication.cluster_state import ClusterState
from broker_core.replication.controller_link import ControllerLink
from broker_core.replication.metadata_store import FILE_NAME
from tests.support.controller import SECONDS, controller_settings, link_to, nodes_of, until

CREDENTIAL = ScramCredential(salt=b"s", iterations=4096, stored_key=b"k", server_key=b"v")
SHA_256 = ScramMechanism.SCRAM_SHA_256


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with Controller(controller_settings(tmp_path)) as running:
        yield running


def with_user(name: str) -> Change:
    def change(policy: Policy) -> Policy:
        return replace(policy, credentials={**policy.credentials, (name, SHA_256): CREDENTIAL})

    return change


def without_user(name: str) -> Change:
    def change(policy: Policy) -> Policy:
        if (name, SHA_256) not in policy.credentials:
            raise ResourceNotFound(name)
        kept = {who: each for who, each in policy.credentials.items() if who[0] != name}
        return replace(policy, credentials=kept)

    return change


def files_of_the_database(directory: Path) -> list[Path]:
    return list(directory.glob(f"{FILE_NAME}*"))


def users(policy: ClusterPolicy) -> set[str]:
    return {name for name, _ in policy.current.credentials}


async def heard(link: ControllerLink, version: int) -> ClusterState:
    return await until(link, lambda state: state.policy.version >= version)


async def test_a_change_counts_at_once_where_it_was_made_and_soon_elsewhere(
    controller: Controller,
) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        here, there = ClusterPolicy(one), ClusterPolicy(two)

        await here.change(with_user("ada"))

        assert users(here) == {"ada"}
        await heard(two, one.state.policy.version)
        assert there.current == here.current


async def test_a_change_on_another_node_is_made_from_the_newest_policy(
    controller: Controller,
) -> None:
    async with nodes_of(controller, 1, 2) as (one, two):
        here, there = ClusterPolicy(one), ClusterPolicy(two)

        for number in range(10):  # the other node need not have heard of it yet
            await here.change(with_user(f"user {number}"))
            await there.change(without_user(f"user {number}"))

        await heard(one, two.state.policy.version)
        assert users(here) == users(there) == set()


async def test_what_was_removed_elsewhere_is_not_taken_for_there(controller: Controller) -> None:
    """A change that changes nothing, as far as this node knows, still asks."""
    async with nodes_of(controller, 1, 2) as (one, two):
        here, there = ClusterPolicy(one), ClusterPolicy(two)
        for _ in range(10):
            await here.change(with_user("ada"))
            await there.change(without_user("ada"))
            await here.change(with_user("ada"))

            assert users(here) == {"ada"}
            await there.change(without_user("ada"))


async def test_changes_on_all_nodes_at_the_same_time_are_all_kept(controller: Controller) -> None:
    async with nodes_of(controller, 1, 2, 3) as links:
        policies = [ClusterPolicy(link) for link in links]
        names = [f"user {number}" for number in range(30)]

        await asyncio.gather(
            *(policies[number % 3].change(with_user(name)) for number, name in enumerate(names))
        )

        newest = max(link.state.policy.version for link in links)
        for link, policy in zip(links, policies, strict=True):
            await heard(link, newest)
            assert users(policy) == set(names)


async def test_a_refused_change_leaves_the_policy(controller: Controller) -> None:
    async with nodes_of(controller, 1) as (link,):
        policy = ClusterPolicy(link)
        await policy.change(with_user("ada"))
        version = link.state.policy.version

        with pytest.raises(ResourceNotFound):
            await policy.change(without_user("eve"))
        with pytest.raises(PolicyViolation):
            await policy.change(with_user("x" * MAX_CHANGE_BYTES))

        assert users(policy) == {"ada"}
        assert link.state.policy.version == version


async def test_a_change_without_effect_is_no_new_version(controller: Controller) -> None:
    async with nodes_of(controller, 1) as (link,):
        policy = ClusterPolicy(link)
        await policy.change(with_user("ada"))
        version = link.state.policy.version

        await policy.change(with_user("ada"))

        assert link.state.policy.version == version


async def test_the_policy_outlives_the_controller_and_is_known_to_who_joins(
    tmp_path: Path,
) -> None:
    async with (
        Controller(controller_settings(tmp_path)) as controller,
        nodes_of(controller, 1) as (link,),
    ):
        await ClusterPolicy(link).change(with_user("ada"))

    async with Controller(controller_settings(tmp_path)) as controller:
        link = link_to(controller, 2)
        policy = ClusterPolicy(link)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(policy.known(), 0)
        async with link:
            await asyncio.wait_for(policy.known(), SECONDS)
            assert users(policy) == {"ada"}


async def test_without_a_controller_nothing_is_changed(tmp_path: Path) -> None:
    async with Controller(controller_settings(tmp_path)) as controller:
        link = link_to(controller, 1)
        async with link:
            await until(link, lambda state: state.version > 0)
            policy = ClusterPolicy(link)
            await controller.__aexit__(None, None, None)
            with pytest.raises(NotController):
                await policy.change(with_user("ada"))
            assert users(policy) == set()
            await controller.__aenter__()


async def test_a_policy_that_cannot_be_read_lets_nobody_in_and_keeps_the_old_one(
    controller: Controller,
) -> None:
    async with nodes_of(controller, 1) as (link,):
        policy = ClusterPolicy(link)
        await policy.change(with_user("ada"))

        await link.alter_policy(link.state.policy, {'["fate"]': ""}, ())

        assert users(policy) == {"ada"}
        with pytest.raises(NotController):
            await policy.change(with_user("eve"))
        newcomer = ClusterPolicy(link)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(newcomer.known(), 0)


async def test_no_password_reaches_the_controller_and_only_its_owner_reads_what_is_kept(
    controller: Controller, tmp_path: Path
) -> None:
    async with nodes_of(controller, 1) as (link,):
        await ClusterPolicy(link).change(with_user("ada"))

        assert "ada" not in repr(link.state)
        for path in files_of_the_database(tmp_path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
