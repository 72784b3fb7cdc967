"""The processes of the role ``broker``: one node, or three nodes and their controller.

What each is called, where it listens, where its data lies and with which settings it runs, all of
it from the one section ``[broker]``. A log of one node and one of several are different logs, in
different directories; a configuration that has the one in view of the other's data is refused.
"""

import hashlib
from pathlib import Path

from appliance.config import Configuration
from appliance.first_run import DataDirectoryUnusable, Secrets
from appliance.ports import Port
from broker_core.errors import StorageError
from broker_core.log.log_directory import is_replicated
from broker_core.replication.metadata_store import FILE_NAME as METADATA
from broker_core.replication.metadata_store import MetadataStore
from broker_core.settings import NODES, BrokerSettings, ControllerSettings

CONTROLLER = "controller"
NODE_PRINCIPAL = "node"
_ALONE = "broker"
_LOOPBACK = "127.0.0.1"


def process_names(broker: BrokerSettings) -> list[str]:
    """The log's processes in starting order.

    >>> process_names(BrokerSettings()), process_names(BrokerSettings(nodes=3))
    (['broker'], ['controller', 'broker-1', 'broker-2', 'broker-3'])
    """
    if broker.nodes == 1:
        return [_ALONE]
    return [CONTROLLER, *(f"{_ALONE}-{number}" for number in _numbers(broker))]


def ports(configuration: Configuration) -> list[Port]:
    """Every port that the log's processes listen on for the Kafka protocol."""
    broker, tls = configuration.broker, configuration.broker.tls
    found = []
    if broker.nodes > 1:
        port = broker.controller_port
        found.append(Port(role=CONTROLLER, what="controller", host=_LOOPBACK, number=port))
    names = [name for name in process_names(broker) if name != CONTROLLER]
    for place, name in enumerate(names):
        number = _after(broker.port, place)
        found.append(Port(role=name, what="Kafka protocol", host=broker.host, number=number))
        if tls.certificate is not None:
            number = _after(tls.port, place)
            found.append(Port(role=name, what="Kafka over TLS", host=tls.host, number=number))
    return found


def node_settings(configuration: Configuration, secrets: Secrets, name: str) -> BrokerSettings:
    """With what one node runs; ``name`` is its process's."""
    broker = configuration.broker
    own = {
        "data_dir": _directories(configuration)[name],
        "users": {**secrets.bus_digests(), **broker.users},
        "super_users": (*secrets.bus, *broker.super_users),
    }
    if broker.nodes > 1:
        number = int(name.removeprefix(f"{_ALONE}-"))
        place = number - 1
        tls = broker.tls.model_copy(update={"port": _after(broker.tls.port, place)})
        own |= {"node_id": number, "port": _after(broker.port, place), "tls": tls}
    return broker.model_copy(update=own)


def controller_settings(configuration: Configuration, secrets: Secrets) -> ControllerSettings:
    """With what the controller runs; what nodes have too is as they have it."""
    broker = configuration.broker
    digest = hashlib.sha256(secrets.node.encode()).hexdigest()
    return ControllerSettings(
        data_dir=_controller_directory(configuration),
        host=_LOOPBACK,
        port=broker.controller_port,
        users={NODE_PRINCIPAL: digest},
        default_partitions=broker.default_partitions,
        default_replication=broker.nodes,
        max_partitions=broker.max_partitions,
        log=broker.log,
    )


def controller_address(broker: BrokerSettings) -> tuple[str, int] | None:
    """Where nodes find their controller; None for a node that is alone."""
    return None if broker.nodes == 1 else (_LOOPBACK, broker.controller_port)


def demand_fitting_data(configuration: Configuration) -> None:
    """Refuse what would begin an empty log in view of one that is there, or is not mounted.

    Raises:
        DataDirectoryUnusable: Another number of nodes has written the log, or a part of it is
            missing that no other part can replace; the message says what to do.
    """
    nodes, home = configuration.broker.nodes, configuration.data_dir
    own = list(_directories(configuration).values())
    usual = [home / _ALONE, *(home / f"{_ALONE}-{number}" for number in range(1, max(NODES) + 1))]
    controller = _controller_directory(configuration)
    try:
        kinds = {path: is_replicated(path) for path in (*own, *usual)}
        has_controller = _has_topics(controller)
    except StorageError as error:
        raise DataDirectoryUnusable(str(error)) from error
    of_one = [path for path, replicated in kinds.items() if replicated is False]
    of_several = [path for path, replicated in kinds.items() if replicated]
    if has_controller:
        of_several.append(controller)
    if others := of_several if nodes == 1 else of_one:
        raise DataDirectoryUnusable(_other_kind(others[0], nodes))
    has_logs = any(kinds[path] for path in own)
    is_headless = has_logs and not (controller / METADATA).is_file()
    if nodes > 1 and (is_headless or (has_controller and not has_logs)):
        missing = ", ".join(map(str, [controller] if has_logs else own))
        raise DataDirectoryUnusable(
            f"There is nothing in {missing}, but the rest of the log is there.\n"
            "Mount or restore it. A single node's directory may be lost: the others have all of it."
        )


def _has_topics(controller: Path) -> bool:
    """Whether a controller's directory has decided anything that records depend on."""
    if not (controller / METADATA).is_file():
        return False
    store = MetadataStore(controller)
    try:
        state = store.read()
    finally:
        store.close()
    return state is not None and bool(state.cluster.topics)


def _other_kind(found: Path, nodes: int) -> str:
    whose, right = ("three nodes", 3) if nodes == 1 else ("one node", 1)
    return (
        f"{found} belongs to the log of {whose}, and [broker] nodes is {nodes}.\n"
        f"Set it to {right}; or begin the new log in another --data-dir and copy this one to it "
        "with\n./tocsin mirror: docs/howto/run-three-nodes.md says how."
    )


def _numbers(broker: BrokerSettings) -> range:
    return range(1, broker.nodes + 1)


def _after(port: int, place: int) -> int:
    """The port of the node in that place; 0 is any free one for all of them."""
    return port + place if port else 0


def _controller_directory(configuration: Configuration) -> Path:
    return configuration.data_dir / CONTROLLER


def _directories(configuration: Configuration) -> dict[str, Path]:
    """Where each node keeps its partitions, by the name of its process."""
    broker = configuration.broker
    names = [name for name in process_names(broker) if name != CONTROLLER]
    chosen = broker.directories or tuple(Path(name) for name in names)
    return {name: configuration.data_dir / path for name, path in zip(names, chosen, strict=True)}
