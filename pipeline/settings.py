"""PipelineSettings: where the bus and the store are, what listens, how batches are cut.

Values only: nothing here reads a file or the environment; ``appliance.config`` does.
"""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, SecretStr


class Section(BaseModel):
    """A closed, frozen part of the configuration: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BusSettings(Section):
    """The log: our broker or anyone's Kafka."""

    url: str = Field(
        default="kafka://127.0.0.1:9092",
        description="Bootstrap servers: kafka://host:port[,host:port…], or kafkas:// for TLS.",
    )
    username: str = Field(default="", description="SASL user; empty signs in to nothing.")
    password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="SASL mechanism that the user signs in with."
    )
    ca_file: Path | None = Field(
        default=None,
        description="PEM authorities that kafkas:// is checked against; None: the system's.",
    )
    replication_factor: PositiveInt | None = Field(
        default=None,
        description="Copies of each partition of topics that Tocsin creates; None: one on each of "
        "our own nodes, on another cluster what it has as its default.",
    )
    min_insync_replicas: PositiveInt | None = Field(
        default=None,
        description="Copies that must have a record before it is acknowledged, of those topics; "
        "None: 2 of our own three nodes, on another cluster its default.",
    )


class StoreSettings(Section):
    """Where events end up."""

    url: str = Field(
        default="http://127.0.0.1:8123",
        description="ClickHouse HTTP endpoint. The embedded store listens on the default.",
    )
    username: str = Field(default="tocsin", description="ClickHouse user.")
    password: SecretStr = Field(default=SecretStr(""), description="Its password.")
    database: str = Field(default="default", description="ClickHouse database.")
    cluster: str = Field(
        default="",
        pattern=r"[\w.{}-]*",
        description="Cluster for Replicated tables and ON CLUSTER; empty: a single server.",
    )
    batch_rows: PositiveInt = Field(default=10_000, description="Rows per INSERT at most.")
    batch_age: timedelta = Field(
        default=timedelta(seconds=1), description="Oldest a row may get before its INSERT."
    )
    retention_days: PositiveInt = Field(
        default=90, description="Days after which events are dropped, by observed_time."
    )


class EmbeddedStoreSettings(Section):
    """The chDB process that answers ClickHouse HTTP."""

    directory: Path = Field(default=Path("store"), description="Where chDB keeps its data.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8123, ge=0, le=65535, description="Port to listen on.")
    memory_bytes: PositiveInt = Field(
        default=2 << 30, description="Most memory the engine may use, caches included."
    )
    query_memory_bytes: PositiveInt = Field(
        default=700 << 20,
        description="Most memory one query may use; less where query_threads of them would not"
        " leave a quarter of memory_bytes to inserts.",
    )
    max_insert_bytes: PositiveInt = Field(
        default=256 << 20, description="Largest INSERT, after decompression."
    )
    query_seconds: PositiveInt = Field(default=30, description="Longest a query may run.")
    insert_threads: PositiveInt = Field(default=2, description="Inserts at a time.")
    query_threads: PositiveInt = Field(default=4, description="Queries at a time.")


class IntakeSettings(Section):
    """What all collectors share on the way to the log."""

    max_in_flight_bytes: PositiveInt = Field(
        default=64 << 20,
        description="What may wait for the log's acknowledgement; then senders wait.",
    )
    spill_over_events: PositiveInt = Field(
        default=2_000,
        description="Events a second of one source that stay in its partition; more spread.",
    )
    answer_timeout: timedelta = Field(
        default=timedelta(seconds=15),
        description="Longest an HTTP sender waits for the log before it is told to try again.",
    )
    drain_timeout: timedelta = Field(
        default=timedelta(seconds=10),
        description="At a stop: longest wait for what the log has not acknowledged.",
    )


class SyslogSettings(Section):
    """Syslog over UDP, TCP and TLS (RFC 5426, 6587, 5425)."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=5514, ge=0, le=65535, description="UDP and TCP port; 0: any free.")
    tls_port: int = Field(default=6514, ge=0, le=65535, description="TLS port.")
    tls_certificate: Path | None = Field(default=None, description="PEM chain; None: no TLS.")
    tls_key: Path | None = Field(default=None, description="PEM key of the certificate.")
    max_message_bytes: PositiveInt = Field(
        default=64 << 10, description="Longer messages are cut, counted and parked."
    )
    max_connections: PositiveInt = Field(default=1_000, description="TCP clients at a time.")
    idle_timeout: timedelta = Field(
        default=timedelta(minutes=1),
        description="A TCP client silent for longer gives way when there are too many.",
    )
    receive_buffer_bytes: PositiveInt = Field(
        default=32 << 20, description="Kernel buffer of the UDP socket (SO_RCVBUF)."
    )


class HttpIngestSettings(Section):
    """NDJSON, remote write and clicks over HTTP."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8088, ge=0, le=65535, description="Port to listen on.")
    max_body_bytes: PositiveInt = Field(
        default=16 << 20, description="Largest request, after decompression."
    )
    max_event_bytes: PositiveInt = Field(
        default=1 << 20, description="Largest event; larger ones are refused by line."
    )
    max_connections: PositiveInt = Field(default=1_000, description="Clients at a time.")
    max_buffered_bytes: PositiveInt = Field(
        default=128 << 20, description="Bodies of all requests in memory together; then 429."
    )
    request_timeout: timedelta = Field(
        default=timedelta(seconds=30), description="For the headers and again for the body."
    )
    click_sites: tuple[str, ...] = Field(
        default=("default",), description="Write keys that the click endpoint accepts."
    )
    click_origins: tuple[str, ...] = Field(
        default=("*",), description="Origins that may send clicks (CORS)."
    )
    click_requests_per_minute: PositiveInt = Field(
        default=600, description="Click requests a minute of one address; then 429."
    )


class ScrapeTarget(Section):
    """A Prometheus endpoint to pull."""

    job: str = Field(description="Value of the job label.")
    url: str = Field(description="Address of the metrics page.")


class ScrapeSettings(Section):
    """Prometheus targets that the collectors pull; our own roles are added by the appliance."""

    interval: timedelta = Field(default=timedelta(seconds=15), description="Between two pulls.")
    timeout: timedelta = Field(default=timedelta(seconds=5), description="For one pull.")
    max_body_bytes: PositiveInt = Field(default=8 << 20, description="Largest page read.")
    targets: tuple[ScrapeTarget, ...] = Field(default=(), description="What to pull.")


class WebhookSettings(Section):
    """How alerts leave."""

    timeout: timedelta = Field(default=timedelta(seconds=10), description="For one attempt.")
    attempts: PositiveInt = Field(default=8, description="Attempts before a delivery fails.")
    first_delay: timedelta = Field(default=timedelta(seconds=1), description="Then doubled.")
    longest_delay: timedelta = Field(default=timedelta(minutes=5), description="Between two.")
    console_url: str = Field(
        default="", description="Where people reach the console; alerts then carry a link to it."
    )


class PipelineSettings(Section):
    """Everything the data plane can be told."""

    bus: BusSettings = BusSettings()
    store: StoreSettings = StoreSettings()
    embedded_store: EmbeddedStoreSettings = EmbeddedStoreSettings()
    intake: IntakeSettings = IntakeSettings()
    syslog: SyslogSettings = SyslogSettings()
    http: HttpIngestSettings = HttpIngestSettings()
    scrape: ScrapeSettings = ScrapeSettings()
    webhook: WebhookSettings = WebhookSettings()
