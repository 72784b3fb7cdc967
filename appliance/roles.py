"""Each role built from its settings; with ``cli`` the only module that imports everything.

A role is one process with one event loop; the log's is four where it has three nodes. Each gets its
settings as values, says when it is ready, and runs until it is cancelled. This module is a table:
what a role does is in its package.
"""

import asyncio
import ctypes
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog
import uvloop
from pydantic import SecretStr

from appliance.config import Configuration
from appliance.cycles import keep_what_is_loaded, look_seldom
from appliance.first_run import Secrets
from appliance.health import serve_health
from appliance.log_nodes import (
    CONTROLLER,
    NODE_PRINCIPAL,
    controller_address,
    controller_settings,
    node_settings,
    process_names,
)
from appliance.log_nodes import ports as log_ports
from appliance.logs import configure_logs
from appliance.ports import SUPERVISOR_PORT, Port, reachable
from appliance.supervisor import stop_on_signals
from detections.settings import DetectionSettings
from pipeline.settings import BusSettings, PipelineSettings, ScrapeTarget

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1
FAILURE_POLL_SECONDS = 0.5
START_POLL_SECONDS = 0.02
LAST_WORDS_SECONDS = 1.5  # the supervisor asks every second
MOST_TROUBLE_CHARACTERS = 300


class BrokerFailed(Exception):
    """The log directory is out of service; a new start recovers it or says why it cannot."""


class Ready:
    """What a role calls once it is ready.

    Attributes:
        is_set: Whether it has.
        trouble: Why it does not do all of its work for now; None while it does.
        listeners: What the role listens on, by name, with the state of each; empty where
            its ports say enough.
    """

    def __init__(self) -> None:
        self.is_set = False
        self.trouble: str | None = None
        self.listeners: Callable[[], Mapping[str, object]] = dict

    def __call__(self) -> None:
        """Say that the role is ready."""
        keep_what_is_loaded()
        self.is_set = True


Run = Callable[[Configuration, Secrets, Ready], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One row of the table.

    Attributes:
        processes: What runs it, by the name of each process, in starting order; each runs until
            cancelled.
        ports: What they listen on, beside their ``/metrics``.
    """

    processes: Callable[[Configuration], Mapping[str, Run]]
    ports: Callable[[Configuration], list[Port]]


def run_role(name: str, configuration: Configuration, secrets: Secrets) -> None:
    """Run a role's process here until SIGTERM or SIGINT; raises what the role raises."""
    look_seldom()
    configure_logs(name)
    _die_with_parent()
    uvloop.run(_serve(name, configuration, secrets))


async def _serve(name: str, configuration: Configuration, secrets: Secrets) -> None:
    """The role beside its health endpoint."""
    ready = Ready()

    def report() -> tuple[bool, Mapping[str, object]]:
        status = "starting" if not ready.is_set else "degraded" if ready.trouble else "ok"
        told: dict[str, object] = {"role": name, "status": status}
        if ready.trouble is not None:
            told["trouble"] = ready.trouble[:MOST_TROUBLE_CHARACTERS]
        if listeners := ready.listeners():
            told["listeners"] = listeners
        return ready.is_set, told

    run = processes_of(ROLES, configuration)[name]
    task = asyncio.ensure_future(run(configuration, secrets, ready))
    stop_on_signals(task)
    port = configuration.metrics_port(name)
    async with serve_health(configuration.metrics_host, port, report):
        try:
            await task
        except asyncio.CancelledError:
            log.info("role_stopped")
        except (OSError, BrokerFailed) as error:
            ready.is_set, ready.trouble = False, str(error)
            log.error("role_failed", detail=str(error))
            await asyncio.sleep(LAST_WORDS_SECONDS)
            raise


def _die_with_parent() -> None:
    """Be told to stop when the supervisor is killed, so that no role is left behind."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def bus_of(configuration: Configuration, secrets: Secrets, principal: str) -> BusSettings:
    """How a principal of ours signs in to our broker; to another cluster as the file says."""
    bus = configuration.pipeline.bus
    if bus.username or "broker" in configuration.replaced_roles:
        return bus
    password = SecretStr(secrets.bus[principal])
    return bus.model_copy(update={"username": principal, "password": password})


def pipeline_of(
    configuration: Configuration, secrets: Secrets, principal: str, *, reader: bool = False
) -> PipelineSettings:
    """The pipeline's settings as one role may have them: its own sign-ins, no other secret."""
    found = configuration.pipeline
    store = found.store
    is_ours = "store" not in configuration.replaced_roles
    if is_ours and not store.password.get_secret_value():
        name, password = ("reader", secrets.store_reader) if reader else ("tocsin", secrets.store)
        store = store.model_copy(update={"username": name, "password": SecretStr(password)})
    bus = bus_of(configuration, secrets, principal)
    return found.model_copy(update={"bus": bus, "store": store})


async def _controller(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from broker_core.controller import Controller

    async with Controller(controller_settings(configuration, secrets)) as controller:
        ready()
        await controller.failed()
        raise BrokerFailed("the controller's database failed")


async def _broker(name: str, configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    """One node; it is ready once it may lead, and in trouble whenever it may not."""
    from broker_core.broker import Broker
    from broker_core.replication.node import Membership
    from broker_core.replication.peer import Credentials

    address = controller_address(configuration.broker)
    membership = None
    if address is not None:
        credentials = Credentials(name=NODE_PRINCIPAL, secret=secrets.node)
        membership = Membership(controller=address, credentials=credentials)
    settings = node_settings(configuration, secrets, name)
    async with Broker(settings, membership=membership) as broker:
        while broker.failure is None:
            ready.trouble = broker.shortage or broker.exclusion
            if broker.exclusion is None and not ready.is_set:
                ready()
            await asyncio.sleep(FAILURE_POLL_SECONDS if ready.is_set else START_POLL_SECONDS)
        raise BrokerFailed(broker.failure)


async def _store(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from pipeline.store.embedded import StoreAccount, run

    settings = configuration.pipeline.embedded_store.model_copy(
        update={"directory": configuration.data_dir / "store"}
    )
    accounts = (
        StoreAccount(name="tocsin", password=secrets.store, readonly=False),
        StoreAccount(name="reader", password=secrets.store_reader, readonly=True),
    )
    await run(settings, accounts, ready=ready)


async def _sinks(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from pipeline.sinks.role import run
    from pipeline.store.migrate import migrate

    settings = pipeline_of(configuration, secrets, "sinks")
    await _ensure_topics(settings.bus)
    await migrate(settings.store)
    await run(settings, ready=ready)


async def _detections(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from detections.worker import run

    bus = bus_of(configuration, secrets, "detections")
    await _ensure_topics(bus)
    await run(detection_settings(configuration), bus, ready=ready)


async def _collectors(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from pipeline.collectors.role import CollectorsRole

    settings = pipeline_of(configuration, secrets, "collectors")
    await _ensure_topics(settings.bus)
    certificates = configuration.data_dir / "tls"
    if settings.syslog.tls_certificate is None:
        syslog = settings.syslog.model_copy(
            update={
                "tls_certificate": certificates / "server.crt",
                "tls_key": certificates / "server.key",
            }
        )
        settings = settings.model_copy(update={"syslog": syslog})
    targets = (*settings.scrape.targets, *_own_targets(configuration))
    scrape = settings.scrape.model_copy(update={"targets": targets})
    role = CollectorsRole(settings.model_copy(update={"scrape": scrape}))
    ready.listeners = lambda: role.health()[1]
    await role.run(ready=ready)


def _own_targets(configuration: Configuration) -> list[ScrapeTarget]:
    """Our own processes and their supervisor, as Prometheus targets."""
    host = reachable(configuration.metrics_host)
    processes = processes_of(default_roles(configuration), configuration)
    ports = {name: configuration.metrics_port(name) for name in processes}
    ports["supervisor"] = SUPERVISOR_PORT + configuration.port_offset
    return [
        ScrapeTarget(job=f"tocsin-{name}", url=f"http://{host}:{port}/metrics")
        for name, port in ports.items()
    ]


async def _web(configuration: Configuration, secrets: Secrets, ready: Ready) -> None:
    from detections.rule_watch import directories_of, processing_of
    from web.app import run

    detections = detection_settings(configuration)
    await run(
        configuration.web,
        pipeline_of(configuration, secrets, "web", reader=True),
        directories_of(detections),
        processing_of(detections),
        ready=ready,
    )


def detection_settings(configuration: Configuration) -> DetectionSettings:
    """The detectors' settings with the user's own rules below the data directory."""
    found, home = configuration.detections, configuration.data_dir
    directories = (home / "rules", *found.rule_directories)
    return found.model_copy(
        update={"rule_directories": directories, "cache_directory": home / "cache"}
    )


async def _ensure_topics(bus: BusSettings) -> None:
    """Create the topics that are missing; harmless when several roles do it at once."""
    from pipeline.bus.admin import Admin
    from pipeline.schema.topics import TOPICS

    await Admin(bus).ensure_topics(TOPICS)


def _store_ports(found: Configuration) -> list[Port]:
    store = found.pipeline.embedded_store
    return [Port(role="store", what="ClickHouse HTTP", host=store.host, number=store.port)]


def _collector_ports(found: Configuration) -> list[Port]:
    syslog, http = found.pipeline.syslog, found.pipeline.http
    return [
        Port(role="collectors", what="syslog", host=syslog.host, number=syslog.port),
        Port(role="collectors", what="syslog", host=syslog.host, number=syslog.port, datagram=True),
        Port(role="collectors", what="syslog over TLS", host=syslog.host, number=syslog.tls_port),
        Port(role="collectors", what="HTTP ingest", host=http.host, number=http.port),
    ]


def _web_ports(found: Configuration) -> list[Port]:
    return [Port(role="web", what="console", host=found.web.host, number=found.web.port)]


def _no_ports(_: Configuration) -> list[Port]:
    return []


def _log(configuration: Configuration) -> Mapping[str, Run]:
    """The log's processes: a node that is alone, or a controller and then its nodes."""
    return {
        name: _controller if name == CONTROLLER else partial(_broker, name)
        for name in process_names(configuration.broker)
    }


def _alone(name: str, run: Run) -> Callable[[Configuration], Mapping[str, Run]]:
    """A role that is one process of the same name."""
    return lambda _: {name: run}


ROLES: Mapping[str, Role] = {
    "broker": Role(processes=_log, ports=log_ports),
    "store": Role(processes=_alone("store", _store), ports=_store_ports),
    "sinks": Role(processes=_alone("sinks", _sinks), ports=_no_ports),
    "detections": Role(processes=_alone("detections", _detections), ports=_no_ports),
    "collectors": Role(processes=_alone("collectors", _collectors), ports=_collector_ports),
    "web": Role(processes=_alone("web", _web), ports=_web_ports),
}
"""Every role in the order in which they start."""


def default_roles(configuration: Configuration) -> list[str]:
    """What ``up`` starts unless it is told otherwise, in starting order."""
    return [name for name in ROLES if name not in configuration.replaced_roles]


def processes_of(roles: Iterable[str], configuration: Configuration) -> dict[str, Run]:
    """The processes of some roles by name, in starting order."""
    return {
        name: run for role in roles for name, run in ROLES[role].processes(configuration).items()
    }


def ports_of(roles: list[str], configuration: Configuration) -> list[Port]:
    """Every port that the given roles and their supervisor are going to listen on."""
    host = configuration.metrics_host
    supervisor = SUPERVISOR_PORT + configuration.port_offset
    ports = [Port(role="supervisor", what="supervisor", host=host, number=supervisor)]
    for role in roles:
        ports += ROLES[role].ports(configuration)
    for name in processes_of(roles, configuration):
        number = configuration.metrics_port(name)
        ports.append(Port(role=name, what=f"metrics of {name}", host=host, number=number))
    return [port for port in ports if port.number]
