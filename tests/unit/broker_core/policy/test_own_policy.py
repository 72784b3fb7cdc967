"""Changing the policy: on disk before it is answered, never half."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker_core.errors import StorageError
from broker_core.log.file_layout import POLICY
from broker_core.policy import policy_file
from broker_core.policy.own_policy import OwnPolicy
from broker_core.policy.policy import Policy
from broker_core.policy.scram_credential import ScramCredential, ScramMechanism

CREDENTIAL = ScramCredential(salt=b"s", iterations=4096, stored_key=b"k", server_key=b"v")
SHA_256 = ScramMechanism.SCRAM_SHA_256


def with_user(policy: Policy, name: str) -> Policy:
    return replace(policy, credentials={**policy.credentials, (name, SHA_256): CREDENTIAL})


async def test_a_change_is_on_disk_when_it_is_answered(tmp_path: Path) -> None:
    store = OwnPolicy(tmp_path)

    await store.change(lambda policy: with_user(policy, "ada"))

    assert set(store.current.credentials) == {("ada", SHA_256)}
    assert OwnPolicy(tmp_path).current == store.current


async def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    store = OwnPolicy(tmp_path)
    names = [f"user {number}" for number in range(20)]

    def adding(name: str) -> Callable[[Policy], Policy]:
        return lambda policy: with_user(policy, name)

    await asyncio.gather(*(store.change(adding(name)) for name in names))

    assert {name for name, _ in policy_file.read(tmp_path).credentials} == set(names)


async def test_a_change_that_cannot_be_written_is_not_made(tmp_path: Path) -> None:
    store = OwnPolicy(tmp_path)
    await store.change(lambda policy: with_user(policy, "ada"))
    before = store.current
    (tmp_path / (POLICY + ".tmp")).mkdir()  # so that nothing can be written there

    with pytest.raises(StorageError):
        await store.change(lambda policy: with_user(policy, "eve"))

    assert store.current == before == policy_file.read(tmp_path)
