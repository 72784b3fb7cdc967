"""Choose the handler by (api key, version); decode its request, encode its answer or its error.

A table: what a request means is the handlers' business.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from broker_core import metrics
from broker_core.authorizer import ANONYMOUS, Principal
from broker_core.errors import (
    BrokerError,
    ConnectionRefused,
    ErrorCode,
    MessageTooLarge,
    UnsupportedVersion,
)
from broker_core.handlers import (
    add_offsets_to_txn,
    add_partitions_to_txn,
    alter_client_quotas,
    alter_configs,
    alter_partition_reassignments,
    alter_user_scram_credentials,
    api_versions,
    consumer_group_describe,
    consumer_group_heartbeat,
    create_acls,
    create_partitions,
    create_topics,
    delete_acls,
    delete_groups,
    delete_records,
    delete_topics,
    describe_acls,
    describe_client_quotas,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_producers,
    describe_topic_partitions,
    describe_transactions,
    describe_user_scram_credentials,
    elect_leaders,
    end_txn,
    fetch,
    find_coordinator,
    heartbeat,
    incremental_alter_configs,
    init_producer_id,
    join_group,
    leave_group,
    list_groups,
    list_offsets,
    list_partition_reassignments,
    list_transactions,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
    sasl_authenticate,
    sasl_handshake,
    sign_in,
    sync_group,
    txn_offset_commit,
    verify_transaction,
    write_txn_markers,
)
from broker_core.handlers.services import Call, Client, Services
from broker_core.protocol import api_keys, controller_apis
from broker_core.protocol.api_keys import APIS, Api
from broker_core.protocol.controller_apis import NODE_APIS
from broker_core.protocol.decoder import decode
from broker_core.protocol.encoder import Parts, encode
from broker_core.protocol.headers import (
    RequestHeader,
    read_request_header,
    response_header,
    skip_tagged_fields,
)

Handler = Callable[[Any, Call], Awaitable[object | None]]

HANDLERS: Mapping[Api, Handler] = {
    api_keys.PRODUCE: produce.handle,
    api_keys.FETCH: fetch.handle,
    api_keys.LIST_OFFSETS: list_offsets.handle,
    api_keys.METADATA: metadata.handle,
    api_keys.OFFSET_COMMIT: offset_commit.handle,
    api_keys.OFFSET_FETCH: offset_fetch.handle,
    api_keys.FIND_COORDINATOR: find_coordinator.handle,
    api_keys.JOIN_GROUP: join_group.handle,
    api_keys.HEARTBEAT: heartbeat.handle,
    api_keys.LEAVE_GROUP: leave_group.handle,
    api_keys.SYNC_GROUP: sync_group.handle,
    api_keys.DESCRIBE_GROUPS: describe_groups.handle,
    api_keys.LIST_GROUPS: list_groups.handle,
    api_keys.SASL_HANDSHAKE: sasl_handshake.handle,
    api_keys.API_VERSIONS: api_versions.handle,
    api_keys.CREATE_TOPICS: create_topics.handle,
    api_keys.DELETE_TOPICS: delete_topics.handle,
    api_keys.DELETE_RECORDS: delete_records.handle,
    api_keys.INIT_PRODUCER_ID: init_producer_id.handle,
    api_keys.OFFSET_FOR_LEADER_EPOCH: offset_for_leader_epoch.handle,
    api_keys.ADD_PARTITIONS_TO_TXN: add_partitions_to_txn.handle,
    api_keys.ADD_OFFSETS_TO_TXN: add_offsets_to_txn.handle,
    api_keys.END_TXN: end_txn.handle,
    api_keys.TXN_OFFSET_COMMIT: txn_offset_commit.handle,
    api_keys.DESCRIBE_ACLS: describe_acls.handle,
    api_keys.CREATE_ACLS: create_acls.handle,
    api_keys.DELETE_ACLS: delete_acls.handle,
    api_keys.DESCRIBE_CONFIGS: describe_configs.handle,
    api_keys.ALTER_CONFIGS: alter_configs.handle,
    api_keys.DESCRIBE_LOG_DIRS: describe_log_dirs.handle,
    api_keys.SASL_AUTHENTICATE: sasl_authenticate.handle,
    api_keys.CREATE_PARTITIONS: create_partitions.handle,
    api_keys.DELETE_GROUPS: delete_groups.handle,
    api_keys.ELECT_LEADERS: elect_leaders.handle,
    api_keys.INCREMENTAL_ALTER_CONFIGS: incremental_alter_configs.handle,
    api_keys.ALTER_PARTITION_REASSIGNMENTS: alter_partition_reassignments.handle,
    api_keys.LIST_PARTITION_REASSIGNMENTS: list_partition_reassignments.handle,
    api_keys.OFFSET_DELETE: offset_delete.handle,
    api_keys.DESCRIBE_CLIENT_QUOTAS: describe_client_quotas.handle,
    api_keys.ALTER_CLIENT_QUOTAS: alter_client_quotas.handle,
    api_keys.DESCRIBE_USER_SCRAM_CREDENTIALS: describe_user_scram_credentials.handle,
    api_keys.ALTER_USER_SCRAM_CREDENTIALS: alter_user_scram_credentials.handle,
    api_keys.DESCRIBE_CLUSTER: describe_cluster.handle,
    api_keys.DESCRIBE_PRODUCERS: describe_producers.handle,
    api_keys.DESCRIBE_TRANSACTIONS: describe_transactions.handle,
    api_keys.LIST_TRANSACTIONS: list_transactions.handle,
    api_keys.CONSUMER_GROUP_HEARTBEAT: consumer_group_heartbeat.handle,
    api_keys.CONSUMER_GROUP_DESCRIBE: consumer_group_describe.handle,
    api_keys.DESCRIBE_TOPIC_PARTITIONS: describe_topic_partitions.handle,
    controller_apis.WRITE_TXN_MARKERS: write_txn_markers.handle,
    controller_apis.VERIFY_TRANSACTION: verify_transaction.handle,
}
_BEFORE_SIGN_IN = (api_keys.API_VERSIONS, api_keys.SASL_HANDSHAKE, api_keys.SASL_AUTHENTICATE)
# Decoded, a request takes a multiple of its bytes; only Produce needs more, and stays opaque.
MAX_DECODED_BYTES = 8 << 20
_LOOPBACK = ("127.", "::1", "::ffff:127.")


class ClientSession:
    """One client above frames: who it is, and the answers to its requests."""

    def __init__(self, services: Services, host: str, subject: str | None = None) -> None:
        """Begin.

        Args:
            subject: Of the certificate that the client showed, which signs it in.
        """
        self._services = services
        self._pause_seconds = 0.0
        principal = Principal(subject or ANONYMOUS, host.startswith(_LOOPBACK), host)
        self._client = Client(principal=principal, host=host)

    @property
    def max_frame_bytes(self) -> int:
        """Little for a client that must sign in first."""
        settings = self._services.settings
        if self._services.authorizer.must_sign_in(self._client.principal):
            return settings.max_unauthenticated_frame_bytes
        return settings.max_frame_bytes

    @property
    def is_over(self) -> bool:
        """Whether the connection is to be closed after the answers it has been promised."""
        return self._client.is_refused

    def take_pause(self) -> float:
        """Return for how many seconds nothing more is to be read, once."""
        pause, self._pause_seconds = self._pause_seconds, 0.0
        return pause

    async def answer(self, frame: bytes) -> Parts:
        """Return the pieces of the answer, none for a request that wants no answer.

        Raises:
            BrokerError: The request cannot be read or must not be answered: close.
        """
        if self._client.takes_bare_messages:
            return [await sign_in.step(frame, self._client, self._services)]
        started = time.perf_counter()
        header = read_request_header(frame)
        api = APIS.get(header.api_key) or self._node_api(header.api_key)
        if api is None:
            raise UnsupportedVersion(f"api key {header.api_key}")
        if not api.supports(header.version):
            return self._refuse_version(api, header)
        if len(frame) > MAX_DECODED_BYTES and api is not api_keys.PRODUCE:
            raise MessageTooLarge(f"{api.name} of {len(frame)} bytes")
        metrics.REQUESTS_OF[api.name, header.version].inc()
        self._check_session(api)
        response = await self._handle(api, header, frame)
        user = self._client.principal.name
        if user != self._services.node_user:  # quotas are clients'; copies must keep up
            response, pause = self._services.throttle.charge(
                response, len(frame), user, header.client_id or ""
            )
            self._pause_seconds = max(self._pause_seconds, pause)
        metrics.REQUEST_SECONDS_OF[api.name].observe(time.perf_counter() - started)
        if response is None:
            return []
        parts = encode(response, header.version, flexible=api.is_flexible(header.version))
        parts.insert(0, response_header(api, header.version, header.correlation_id))
        return parts

    def _node_api(self, key: int) -> Api | None:
        """An API that only nodes of the cluster may use; to others there is none."""
        user = self._services.node_user
        is_node = user is not None and self._client.principal.name == user
        return NODE_APIS.get(key) if is_node else None

    def _check_session(self, api: Api) -> None:
        """Refuse who has not signed in, did so too long ago, or tried and failed."""
        client = self._client
        if client.is_refused:
            raise ConnectionRefused(f"{api.name} after a failed sign-in")
        if api in _BEFORE_SIGN_IN:
            return
        if self._services.authorizer.must_sign_in(client.principal):
            raise ConnectionRefused(f"{api.name} before signing in")
        ends_ms = client.session_ends_ms
        if ends_ms is not None and self._services.clock.now_ms() > ends_ms:
            raise ConnectionRefused(f"{api.name} after the session's end, without a new sign-in")

    async def _handle(self, api: Api, header: RequestHeader, frame: bytes) -> object | None:
        flexible = api.is_flexible(header.version)
        start = skip_tagged_fields(frame, header.end) if flexible else header.end
        request: object = decode(
            api.request, header.version, flexible=flexible, data=frame, start=start
        )
        call = Call(
            services=self._services,
            client=self._client,
            api=api,
            version=header.version,
            client_id=header.client_id or "",
        )
        try:
            return await HANDLERS[api](request, call)
        except BrokerError as error:
            metrics.REQUEST_ERRORS.labels(api.name, error.code.name).inc()
            raise

    def _refuse_version(self, api: Api, header: RequestHeader) -> Parts:
        """ApiVersions answers a version it does not know in version 0 (KIP-511); others close."""
        if api is not api_keys.API_VERSIONS:
            raise UnsupportedVersion(f"{api.name} version {header.version}")
        response = api_versions.supported(ErrorCode.UNSUPPORTED_VERSION)
        parts = encode(response, 0, flexible=False)
        parts.insert(0, response_header(api, 0, header.correlation_id))
        return parts
