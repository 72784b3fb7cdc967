"""BrokerSettings and ControllerSettings: where they listen, what they keep, whom they let in.

Values only: nothing here reads a file or the environment.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

NODES = (1, 3)  # two would stand still as soon as one is away, as one does, and cost twice
LAST_PORT = 65535


class Section(BaseModel):
    """A closed, frozen part of the configuration: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Access(StrEnum):
    """Who may do what, as a whole; the rules themselves are in ``broker_core.authorizer``."""

    OPEN = "open"
    RESTRICTED = "restricted"
    ACLS = "acls"


class LogSettings(Section):
    """One partition on disk; what a topic does not set for itself."""

    segment_bytes: PositiveInt = Field(
        default=256 << 20, description="A segment is sealed before it grows past this."
    )
    segment_age: timedelta = Field(
        default=timedelta(days=1), description="A segment is sealed once its first record is older."
    )
    index_interval_bytes: PositiveInt = Field(
        default=4096, description="Bytes of log between two entries of the sparse indexes."
    )
    recovery_mark_bytes: PositiveInt = Field(
        default=4 << 20,
        description="After that much more is synced, or an eighth of a segment, it is noted what a "
        "crash need not read again.",
    )
    retention_age: timedelta | None = Field(
        default=timedelta(days=7), description="Older sealed segments go; None: never."
    )
    retention_bytes: PositiveInt | None = Field(
        default=None, description="Sealed segments go, oldest first, above this; None: no limit."
    )
    retention_interval: timedelta = Field(
        default=timedelta(seconds=15),
        description="Between two looks for segments that may go or should be compacted.",
    )
    max_message_bytes: PositiveInt = Field(
        default=8 << 20, description="Largest record batch a topic takes (max.message.bytes)."
    )
    producer_expiry: timedelta = Field(
        default=timedelta(days=1),
        description="An idempotent producer that wrote nothing for this long is forgotten.",
    )
    open_segment_files: PositiveInt = Field(
        default=256, description="Sealed segments kept open for reading, over all partitions."
    )


class GroupSettings(Section):
    """Consumer groups."""

    min_session_timeout: timedelta = Field(
        default=timedelta(seconds=1), description="Shortest session a member may ask for."
    )
    max_session_timeout: timedelta = Field(
        default=timedelta(minutes=30), description="Longest session a member may ask for."
    )
    consumer_session_timeout: timedelta = Field(
        default=timedelta(seconds=45),
        description="Silence after which a member of the new protocol (KIP-848) is removed.",
    )
    consumer_heartbeat_interval: timedelta = Field(
        default=timedelta(seconds=5),
        description="How often members of the new protocol are told to send a heartbeat.",
    )
    initial_rebalance_delay: timedelta = Field(
        default=timedelta(milliseconds=200),
        description="How long an empty group waits for more members before its first generation.",
    )
    max_members: PositiveInt = Field(default=1000, description="Members of one group.")
    max_groups: PositiveInt = Field(default=10_000, description="Groups with members or offsets.")
    max_metadata_bytes: PositiveInt = Field(
        default=4096, description="Longest metadata string of a committed offset."
    )
    offsets_partitions: PositiveInt = Field(
        default=1, description="Partitions of __consumer_offsets; fixed once it exists."
    )


class ReplicationSettings(Section):
    """Copies of partitions on other nodes; without meaning for a node that is alone."""

    lag_time: timedelta = Field(
        default=timedelta(seconds=10),
        description="A replica that lacked something for this long leaves the in-sync set.",
    )
    fetch_wait: timedelta = Field(
        default=timedelta(milliseconds=500),
        description="How long a leader holds the fetch of a follower that lacks nothing.",
    )
    fetch_bytes: PositiveInt = Field(
        default=8 << 20, description="Most that a follower asks for at a time."
    )
    partition_fetch_bytes: PositiveInt = Field(
        default=1 << 20, description="Most that it asks for of one partition."
    )
    checkpoint_interval: timedelta = Field(
        default=timedelta(seconds=5), description="Between two notes of the high watermarks."
    )


class TlsSettings(Section):
    """A second listener, over TLS 1.2 and later; off until there is a certificate."""

    certificate: Path | None = Field(
        default=None, description="PEM chain, the broker's own first; None: no TLS listener."
    )
    key: Path | None = Field(
        default=None, description="PEM key of the certificate; None: in the same file."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=9095,
        ge=0,
        le=65535,
        description="Port to listen on; 0: any free. Further nodes take the ports after it.",
    )
    advertised_host: str | None = Field(
        default=None, description="Name that TLS clients are told to connect to; None: the host."
    )
    client_ca: Path | None = Field(
        default=None,
        description="PEM certificates; whoever shows one that they signed is signed in as its "
        "subject (CN=…,O=…). None: nobody is asked for one.",
    )
    require_client_certificate: bool = Field(
        default=False, description="Refuse TLS clients without such a certificate."
    )

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        if self.require_client_certificate and self.client_ca is None:
            raise ValueError("require_client_certificate needs a client_ca to check them by")
        if self.certificate is not None:
            _demand_reachable_name(self.host, self.advertised_host)
        return self


class TransactionSettings(Section):
    """Transactional producers."""

    max_timeout: timedelta = Field(
        default=timedelta(minutes=15), description="Longest transaction a producer may ask for."
    )
    check_interval: timedelta = Field(
        default=timedelta(seconds=1),
        description="Between two looks for transactions that took too long.",
    )
    id_expiry: timedelta = Field(
        default=timedelta(days=7),
        description="A transactional id without a transaction for this long is forgotten.",
    )
    max_transactional_ids: PositiveInt = Field(
        default=10_000, description="Transactional ids that are remembered."
    )
    state_partitions: PositiveInt = Field(
        default=1, description="Partitions of __transaction_state; fixed once it exists."
    )


class BrokerSettings(Section):
    """One broker node, or several with a controller: then all of them have these settings."""

    nodes: int = Field(
        default=1,
        description="1, or 3: three nodes that hold copies of every partition and a controller, "
        "each a process with a directory of its own. Fixed once there are records: another number "
        "is another log, see tocsin mirror.",
    )
    directories: tuple[Path, ...] = Field(
        default=(),
        description="Where each node keeps its partitions, as many as nodes: one disk each. "
        "Relative ones lie in data_dir; empty: broker there, or broker-1, broker-2, broker-3.",
    )
    controller_port: int = Field(
        default=9090,
        ge=1,
        le=65535,
        description="With several nodes: the loopback port at which they find their controller.",
    )
    data_dir: Path = Field(default=Path("broker"), description="Where the logs lie.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=9092,
        ge=0,
        le=65535,
        description="Port to listen on; 0: any free. Further nodes take the ports after it.",
    )
    advertised_host: str | None = Field(
        default=None, description="Name that clients are told to connect to; None: the host."
    )
    node_id: NonNegativeInt = Field(
        default=0, description="This broker's id in metadata; several nodes are 1, 2 and 3."
    )
    access: Access = Field(
        default=Access.RESTRICTED,
        description="open: anyone may do everything; restricted: users may, and anonymous "
        "clients on loopback may use raw.* only; acls: super users may, others what the access "
        "control lists allow.",
    )
    super_users: tuple[str, ...] = Field(
        default=(),
        description="With access = acls: names that may do everything; our own roles may.",
    )
    open_without_acl: bool = Field(
        default=False,
        description="With access = acls: what no entry is about is open to everyone, as with "
        "Kafka's allow.everyone.if.no.acl.found.",
    )
    users: Mapping[str, str] = Field(
        default={},
        description="SASL PLAIN users: name to the SHA-256 (hex) of a random 256-bit secret.",
    )
    session_lifetime: timedelta | None = Field(
        default=None,
        description="A client that signed in must do so again before this is over (KIP-368), or "
        "is closed; None: once is enough.",
    )
    auto_create_topics: bool = Field(
        default=False, description="Create a topic when somebody first asks for it."
    )
    default_partitions: PositiveInt = Field(
        default=4, description="Partitions of a topic created without a number."
    )
    disk_budget: PositiveInt | None = Field(
        default=None,
        description="Bytes that all partitions may take together: above it the oldest segments go, "
        "but nothing that a group of disk_budget_groups has still to read; then producing is "
        "refused until they have caught up. None: no limit but topics' own.",
    )
    disk_budget_groups: tuple[str, ...] = Field(
        default=(
            "tocsin-collectors",
            "tocsin-detections",
            "tocsin-correlations",
            "tocsin-sink-clickhouse",
            "tocsin-sink-webhook",
        ),
        description="Consumer groups whose unread records are never removed for the budget.",
    )
    max_partitions: PositiveInt = Field(default=2000, description="Partitions of all topics.")
    max_connections: PositiveInt = Field(default=1000, description="Clients at a time.")
    max_connections_per_address: PositiveInt = Field(
        default=800, description="Clients at a time from one address."
    )
    max_frame_bytes: PositiveInt = Field(
        default=64 << 20, description="Largest request of a client that may do something."
    )
    max_unauthenticated_frame_bytes: PositiveInt = Field(
        default=64 << 10, description="Largest request of a client that must sign in first."
    )
    max_pipelined_requests: PositiveInt = Field(
        default=64, description="Requests of one client in work; then its socket is not read."
    )
    max_fetch_bytes: PositiveInt = Field(
        default=32 << 20, description="Most that one fetch answers, whatever the client asks."
    )
    max_fetch_sessions: NonNegativeInt = Field(
        default=1000,
        description="Clients that need not name every partition in every fetch (KIP-227).",
    )
    idle_timeout: timedelta = Field(
        default=timedelta(minutes=10), description="A silent client is closed after this."
    )
    drain_timeout: timedelta = Field(
        default=timedelta(seconds=10), description="For requests in work when the broker stops."
    )
    tls: TlsSettings = TlsSettings()
    log: LogSettings = LogSettings()
    groups: GroupSettings = GroupSettings()
    replication: ReplicationSettings = ReplicationSettings()
    transactions: TransactionSettings = TransactionSettings()

    @model_validator(mode="after")
    def _clients_must_be_told_a_reachable_name(self) -> Self:
        _demand_reachable_name(self.host, self.advertised_host)
        return self

    @model_validator(mode="after")
    def _every_node_has_its_place(self) -> Self:
        if self.nodes not in NODES:
            raise ValueError(f"{self.nodes} nodes: 1 or 3")
        if self.directories and not (
            len(set(self.directories)) == len(self.directories) == self.nodes
        ):
            raise ValueError(
                f"{len(self.directories)} directories for {self.nodes} nodes: one for each"
            )
        if self.nodes > 1 and self.port:
            taken = [self.controller_port, *range(self.port, self.port + self.nodes)]
            if self.tls.certificate is not None:
                taken += range(self.tls.port, self.tls.port + self.nodes)
            if len(set(taken)) < len(taken) or max(taken) > LAST_PORT:
                raise ValueError(f"nodes, their TLS and the controller need ports: {sorted(taken)}")
        return self


class ControllerSettings(Section):
    """The controller of several nodes; a node that is alone needs none."""

    data_dir: Path = Field(default=Path("controller"), description="Where its database lies.")
    host: str = Field(default="127.0.0.1", description="Address to listen on; for nodes only.")
    port: int = Field(default=9090, ge=0, le=65535, description="Port to listen on; 0: any free.")
    users: Mapping[str, str] = Field(
        default={}, description="Nodes: name to the SHA-256 (hex) of a random 256-bit secret."
    )
    session_timeout: timedelta = Field(
        default=timedelta(seconds=6),
        description="A node that is not heard of for this long leads nothing any more.",
    )
    preferred_leader_interval: timedelta = Field(
        default=timedelta(seconds=30),
        description="How often leaders go back to the replicas that were chosen to spread them.",
    )
    default_partitions: PositiveInt = Field(
        default=4, description="Partitions of a topic created without a number."
    )
    default_replication: PositiveInt = Field(
        default=3, description="Copies of a topic created without a number."
    )
    max_partitions: PositiveInt = Field(default=2000, description="Partitions of all topics.")
    log: LogSettings = Field(
        default=LogSettings(), description="As the nodes have it: what topics do not set."
    )


def _demand_reachable_name(host: str, advertised_host: str | None) -> None:
    if host in ("", "0.0.0.0", "::") and not advertised_host:  # noqa: S104
        raise ValueError(f"host {host!r} is no name to connect to: set advertised_host")
