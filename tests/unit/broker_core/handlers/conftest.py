"""Handlers over real logs and groups, asked through the session that a connection would use."""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker_core.authorizer import Authorizer
from broker_core.clock import SystemClock
from broker_core.coordinator.group_registry import GroupRegistry
from broker_core.coordinator.markers import LocalMarkers
from broker_core.coordinator.offsets import OffsetStore
from broker_core.coordinator.producer_ids import ProducerIds
from broker_core.coordinator.shards import OwnShards
from broker_core.coordinator.transaction_registry import TransactionRegistry
from broker_core.coordinator.transaction_store import TransactionStore, make_topic
from broker_core.coordinator.verification import Verification
from broker_core.handlers.delayed import DelayedFetches
from broker_core.handlers.dispatch import ClientSession
from broker_core.handlers.fetch_session import FetchSessions
from broker_core.handlers.services import Services
from broker_core.handlers.throttling import Throttle
from broker_core.handlers.topology import SingleNode
from broker_core.log.file_layout import TRANSACTION_STATE
from broker_core.log.group_commit import GroupCommit
from broker_core.log.log_directory import LogDirectory
from broker_core.policy.own_policy import OwnPolicy
from broker_core.protocol.api_keys import Api
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import encode
from broker_core.replication.replicas import Replicas
from broker_core.server.sasl import Mechanisms
from broker_core.settings import Access, BrokerSettings
from tests.support.broker_requests import Ask


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """A restricted broker's parts; user ``web`` has the secret ``secret``."""
    settings = BrokerSettings(
        data_dir=tmp_path,
        access=Access.RESTRICTED,
        users={"web": hashlib.sha256(b"secret").hexdigest()},
        max_partitions=20,
    )
    clock = SystemClock()
    logs = LogDirectory(tmp_path, settings.log, clock)
    commit = GroupCommit(logs.fault)
    offsets = OffsetStore.open(logs, commit, clock, partitions=1)
    groups = GroupRegistry(offsets, logs, settings.groups, clock)
    policy = OwnPolicy(tmp_path)
    replicas = Replicas(logs, commit)
    producer_ids = ProducerIds(tmp_path)
    shards = OwnShards(TRANSACTION_STATE, replicas, make_topic(logs, 1))
    markers = LocalMarkers(replicas, offsets)
    transactions = TransactionRegistry(
        TransactionStore(shards, clock),
        markers,
        producer_ids,
        settings.transactions,
        clock,
    )
    await transactions.load(shards.replica(0))
    logs.create_topic("raw.open", 2, {})
    logs.create_topic("events.log", 1, {})
    yield Services(
        settings=settings,
        logs=logs,
        commit=commit,
        replicas=replicas,
        topology=SingleNode(logs, node_id=0, host="127.0.0.1", port=9092),
        groups=groups,
        producer_ids=producer_ids,
        transactions=transactions,
        verification=Verification(transactions),
        markers=markers,
        clock=clock,
        authorizer=Authorizer.restricted(),
        delayed=DelayedFetches(),
        fetch_sessions=FetchSessions(slots=2, new_id=itertools.count(1).__next__),
        mechanisms=Mechanisms(settings.users, lambda: policy.current.credentials),
        policy=policy,
        throttle=Throttle(policy),
    )
    groups.close()
    await transactions.close()
    await commit.close()
    await asyncio.to_thread(logs.close)


@pytest.fixture
def ask() -> Ask:
    """Send a request through a session; return the decoded response."""

    async def ask(session: ClientSession, api: Api, version: int, request: object) -> Any:
        flexible = api.is_flexible(version)
        header = api.key.to_bytes(2, "big") + version.to_bytes(2, "big") + b"\0\0\0\5\0\1c"
        body = b"".join(encode(request, version, flexible=flexible))
        answer = b"".join(await session.answer(header + (b"\0" if flexible else b"") + body))
        assert answer[:4] == b"\0\0\0\5"
        start = 5 if flexible and api.name != "ApiVersions" else 4
        return decode(api.response, version, flexible=flexible, data=answer, start=start)

    return ask
