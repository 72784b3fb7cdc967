"""The controller's socket lets nodes in, and answers nothing to anybody else."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker_core.controller import Controller
from broker_core.errors import BrokerError, NetworkException, SaslAuthenticationFailed
from broker_core.protocol.messages.allocate_producer_ids import AllocateProducerIdsRequest
from broker_core.protocol.messages.broker_heartbeat import BrokerHeartbeatRequest
from broker_core.protocol.messages.metadata import MetadataRequest
from broker_core.protocol.messages.sasl_authenticate import SaslAuthenticateRequest
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest
from broker_core.protocol.messages.watch_cluster import WatchClusterRequest
from broker_core.replication.peer import Credentials, Peer
from tests.support.controller import CREDENTIALS, SECONDS, controller_settings

LOOK = WatchClusterRequest(broker_id=-1, known_version=-1, max_wait_ms=0)


@pytest.fixture
async def controller(tmp_path: Path) -> AsyncIterator[Controller]:
    async with Controller(controller_settings(tmp_path)) as running:
        yield running


async def connected(controller: Controller, credentials: Credentials | None) -> Peer:
    return await Peer.connect(
        "127.0.0.1", controller.port, credentials=credentials, client_id="test"
    )


async def test_nothing_is_answered_before_signing_in(controller: Controller) -> None:
    peer = await connected(controller, None)

    with pytest.raises(NetworkException):
        await peer.send(LOOK, 0, timeout_seconds=SECONDS)


async def test_a_frame_larger_than_signing_in_takes_is_refused(controller: Controller) -> None:
    peer = await connected(controller, None)
    huge = SaslAuthenticateRequest(auth_bytes=b"x" * 10_000)

    with pytest.raises(NetworkException):
        await peer.send(huge, 2, timeout_seconds=SECONDS)


async def test_other_mechanisms_and_wrong_secrets_are_refused(controller: Controller) -> None:
    peer = await connected(controller, None)
    other = SaslHandshakeRequest(mechanism="SCRAM-SHA-256")

    refused = await peer.send(other, 1, timeout_seconds=SECONDS)

    assert (refused.error_code, refused.mechanisms) == (33, ("PLAIN",))
    await peer.close()
    with pytest.raises(SaslAuthenticationFailed):
        await connected(controller, Credentials(name="node", secret="wrong"))


async def test_what_belongs_to_nodes_is_not_answered_here(controller: Controller) -> None:
    peer = await connected(controller, CREDENTIALS)

    with pytest.raises(BrokerError):
        await peer.send(MetadataRequest(topics=None), 12, timeout_seconds=SECONDS)


async def test_a_node_that_never_registered_is_told_so(controller: Controller) -> None:
    peer = await connected(controller, CREDENTIALS)
    heartbeat = BrokerHeartbeatRequest(
        broker_id=7,
        broker_epoch=1,
        current_metadata_offset=1,
        want_fence=False,
        want_shut_down=False,
    )
    ids = AllocateProducerIdsRequest(broker_id=7, broker_epoch=1)

    heard = await peer.send(heartbeat, 1, timeout_seconds=SECONDS)
    given = await peer.send(ids, 0, timeout_seconds=SECONDS)

    assert (heard.error_code, heard.is_fenced) == (102, True)
    assert (given.error_code, given.producer_id_len) == (102, 0)
    await peer.close()


async def test_who_only_looks_sees_the_whole_state(controller: Controller) -> None:
    peer = await connected(controller, CREDENTIALS)

    seen = await peer.send(LOOK, 0, timeout_seconds=SECONDS)

    assert seen.is_whole
    assert seen.version >= 1
    assert seen.session_timeout_ms == 60_000
    await peer.close()
