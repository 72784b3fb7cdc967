"""ControllerSession: a node on the controller's socket; signs in, asks, is answered.

A table: what a request means is decided in ``membership``, ``topic_changes``,
``partition_changes`` and ``policy_changes``. Nothing but signing in is answered before signing in,
and whoever signed in is a node and may do everything: what clients may do, their node has checked.

For the event loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID, uuid4

import structlog

from broker_core import metrics
from broker_core.errors import (
    BrokerError,
    ConnectionRefused,
    ErrorCode,
    SaslAuthenticationFailed,
    UnsupportedVersion,
)
from broker_core.protocol import api_keys, controller_apis
from broker_core.protocol.api_keys import APIS, Api
from broker_core.protocol.controller_apis import CONTROLLER_APIS
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import Parts, encode
from broker_core.protocol.headers import (
    RequestHeader,
    read_request_header,
    response_header,
    skip_tagged_fields,
)
from broker_core.protocol.messages.allocate_producer_ids import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
)
from broker_core.protocol.messages.alter_partition import (
    AlterPartitionRequest,
    AlterPartitionResponse,
)
from broker_core.protocol.messages.alter_policy import AlterPolicyRequest, AlterPolicyResponse
from broker_core.protocol.messages.broker_heartbeat import (
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
)
from broker_core.protocol.messages.broker_registration import (
    BrokerRegistrationRequest,
    BrokerRegistrationResponse,
)
from broker_core.protocol.messages.sasl_authenticate import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
)
from broker_core.protocol.messages.sasl_handshake import SaslHandshakeRequest, SaslHandshakeResponse
from broker_core.protocol.messages.watch_cluster import WatchClusterRequest, WatchClusterResponse
from broker_core.replication import (
    partition_changes,
    policy_changes,
    producer_id_blocks,
    topic_changes,
)
from broker_core.replication.cluster import Cluster
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.membership import Newcomer
from broker_core.replication.state_messages import to_message
from broker_core.replication.topic_changes import TopicRules

log = structlog.get_logger()

MAX_FRAME_BYTES = 8 << 20
MAX_UNAUTHENTICATED_FRAME_BYTES = 4 << 10
MAX_WATCH_SECONDS = 30.0
FAILURE_DELAY_SECONDS = 0.5
_MECHANISM = "PLAIN"
_BEFORE_SIGN_IN = (api_keys.SASL_HANDSHAKE, api_keys.SASL_AUTHENTICATE)

Handler = Callable[[Any], Awaitable[object]]


class ControllerSession:
    """One connection of a node, above frames.

    Args:
        authenticate: Takes a SASL PLAIN message, returns the name; raises SaslAuthenticationFailed.
    """

    def __init__(self, cluster: Cluster, authenticate: Callable[[bytes], str], host: str) -> None:
        self._cluster = cluster
        self._authenticate = authenticate
        self._host = host
        self._name: str | None = None
        self._rules = TopicRules(cluster.settings, uuid4)
        session = cluster.settings.session_timeout
        self._session_timeout_ms = round(session.total_seconds() * 1000)
        self._handlers: Mapping[Api, Handler] = {
            api_keys.SASL_HANDSHAKE: self._handshake,
            api_keys.SASL_AUTHENTICATE: self._sign_in,
            api_keys.CREATE_TOPICS: self._decided(topic_changes.create_topics, self._rules),
            api_keys.DELETE_TOPICS: self._decided(topic_changes.delete_topics),
            api_keys.CREATE_PARTITIONS: self._decided(topic_changes.create_partitions, self._rules),
            api_keys.INCREMENTAL_ALTER_CONFIGS: self._decided(
                topic_changes.alter_configs, self._rules
            ),
            api_keys.ELECT_LEADERS: self._decided(partition_changes.elect_leaders),
            api_keys.ALTER_PARTITION_REASSIGNMENTS: self._decided(partition_changes.reassign),
            api_keys.LIST_PARTITION_REASSIGNMENTS: self._decided(
                partition_changes.list_reassignments
            ),
            controller_apis.ALTER_PARTITION: self._alter_isr,
            controller_apis.ALTER_POLICY: self._alter_policy,
            controller_apis.BROKER_REGISTRATION: self._register,
            controller_apis.BROKER_HEARTBEAT: self._heartbeat,
            controller_apis.ALLOCATE_PRODUCER_IDS: self._producer_ids,
            controller_apis.WATCH_CLUSTER: self._watch,
        }

    @property
    def max_frame_bytes(self) -> int:
        """Little until the node has signed in."""
        return MAX_UNAUTHENTICATED_FRAME_BYTES if self._name is None else MAX_FRAME_BYTES

    @property
    def is_over(self) -> bool:
        """Never: a node may try again, and pays for it in time."""
        return False

    def take_pause(self) -> float:
        """Never any: nodes have no quotas."""
        return 0.0

    async def answer(self, frame: bytes) -> Parts:
        """Return the pieces of the answer.

        Raises:
            BrokerError: The request cannot be read, must not be answered, or failed as a whole:
                close.
        """
        header = read_request_header(frame)
        api = APIS.get(header.api_key) or CONTROLLER_APIS.get(header.api_key)
        handler = None if api is None else self._handlers.get(api)
        if api is None or handler is None or not api.supports(header.version):
            raise UnsupportedVersion(f"api key {header.api_key} version {header.version}")
        if self._name is None and api not in _BEFORE_SIGN_IN:
            raise ConnectionRefused(f"{api.name} before signing in")
        metrics.REQUESTS.labels(api.name, str(header.version)).inc()
        try:
            response = await handler(_decoded(api, header, frame))
        except BrokerError as error:
            metrics.REQUEST_ERRORS.labels(api.name, error.code.name).inc()
            raise
        parts = encode(response, header.version, flexible=api.is_flexible(header.version))
        parts.insert(0, response_header(api, header.version, header.correlation_id))
        return parts

    def _decided(
        self,
        decide: Callable[..., tuple[ControllerState, object]],
        *further: object,
    ) -> Handler:
        """Return the handler of requests whose every part has its own outcome."""

        async def handler(request: object) -> object:
            return await self._cluster.decide(lambda state: decide(state, request, *further))

        return handler

    # -- signing in

    async def _handshake(self, request: SaslHandshakeRequest) -> SaslHandshakeResponse:
        known = request.mechanism == _MECHANISM
        code = ErrorCode.NONE if known else ErrorCode.UNSUPPORTED_SASL_MECHANISM
        return SaslHandshakeResponse(error_code=code, mechanisms=(_MECHANISM,))

    async def _sign_in(self, request: SaslAuthenticateRequest) -> SaslAuthenticateResponse:
        try:
            self._name = self._authenticate(request.auth_bytes)
        except SaslAuthenticationFailed as error:
            metrics.AUTHENTICATION_FAILURES.inc()
            log.warning("sign_in_failed", peer=self._host)
            await asyncio.sleep(FAILURE_DELAY_SECONDS)
            return SaslAuthenticateResponse(
                error_code=error.code, error_message=str(error), auth_bytes=b""
            )
        return SaslAuthenticateResponse(error_code=0, error_message=None, auth_bytes=b"")

    # -- nodes

    async def _register(self, request: BrokerRegistrationRequest) -> BrokerRegistrationResponse:
        if len(request.listeners) != 1 or len(request.log_dirs) != 1:
            return BrokerRegistrationResponse(error_code=ErrorCode.INVALID_REGISTRATION)
        newcomer = Newcomer(
            node_id=request.broker_id,
            cluster_id=request.cluster_id,
            host=request.listeners[0].host,
            port=request.listeners[0].port,
            incarnation=UUID(bytes=request.incarnation_id),
            directory_id=UUID(bytes=request.log_dirs[0]),
            is_doubted=request.previous_broker_epoch < 0,
        )
        try:
            epoch = await self._cluster.register(newcomer)
        except BrokerError as error:
            log.warning("registration_refused", node=request.broker_id, reason=str(error))
            return BrokerRegistrationResponse(error_code=error.code)
        return BrokerRegistrationResponse(error_code=0, broker_epoch=epoch)

    async def _heartbeat(self, request: BrokerHeartbeatRequest) -> BrokerHeartbeatResponse:
        try:
            fenced = await self._cluster.heartbeat(
                request.broker_id,
                request.broker_epoch,
                known_version=request.current_metadata_offset,
                wants_to_leave=request.want_shut_down,
            )
        except BrokerError as error:
            return BrokerHeartbeatResponse(error_code=error.code)
        return BrokerHeartbeatResponse(
            error_code=0,
            is_caught_up=request.current_metadata_offset >= request.broker_epoch,
            is_fenced=fenced,
            should_shut_down=request.want_shut_down and fenced,
        )

    async def _watch(self, request: WatchClusterRequest) -> WatchClusterResponse:
        seconds = min(max(0, request.max_wait_ms) / 1000, MAX_WATCH_SECONDS)
        try:
            state = await self._cluster.newer_than(request.known_version, seconds)
        except asyncio.CancelledError:  # the connection is gone
            self._cluster.lost_sight_of(request.broker_id)
            raise
        known = self._cluster.remembered(request.known_version)
        return to_message(state, known, session_timeout_ms=self._session_timeout_ms)

    async def _alter_isr(self, request: AlterPartitionRequest) -> AlterPartitionResponse:
        try:
            return await self._cluster.decide(
                lambda state: partition_changes.alter_isr(state, request)
            )
        except BrokerError as error:
            return AlterPartitionResponse(error_code=error.code)

    async def _alter_policy(self, request: AlterPolicyRequest) -> AlterPolicyResponse:
        try:
            return await self._cluster.decide(
                lambda state: policy_changes.alter_policy(state, request)
            )
        except BrokerError as error:
            version = self._cluster.state.cluster.policy.version
            return AlterPolicyResponse(error_code=error.code, version=version)

    async def _producer_ids(
        self, request: AllocateProducerIdsRequest
    ) -> AllocateProducerIdsResponse:
        try:
            return await self._cluster.decide(
                lambda state: producer_id_blocks.allocate(state, request)
            )
        except BrokerError as error:
            return AllocateProducerIdsResponse(error_code=error.code)


def _decoded(api: Api, header: RequestHeader, frame: bytes) -> object:
    flexible = api.is_flexible(header.version)
    start = skip_tagged_fields(frame, header.end) if flexible else header.end
    decoded: object = decode(
        api.request, header.version, flexible=flexible, data=frame, start=start
    )
    return decoded
