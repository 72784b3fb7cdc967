"""The log's processes: names, ports, directories and settings of one node and of three."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from appliance.config import Configuration, load_configuration
from appliance.first_run import DataDirectoryUnusable, Secrets, prepare
from appliance.log_nodes import (
    controller_address,
    controller_settings,
    demand_fitting_data,
    node_settings,
    ports,
    process_names,
)
from broker_core.clock import SystemClock
from broker_core.log.log_directory import LogDirectory
from broker_core.replication.cluster_state import ClusterState, Partition, Topic
from broker_core.replication.controller_state import ControllerState
from broker_core.replication.metadata_store import MetadataStore
from broker_core.settings import LogSettings

THREE = "[broker]\nnodes = 3\n"
SECRETS = Secrets(bus={"web": "secret"}, node="node secret", store="", store_reader="")


def configured(directory: Path, text: str = "", *, port_offset: int = 0) -> Configuration:
    file = directory / "tocsin.toml"
    file.write_text(text)
    return load_configuration(file, data_dir=directory / "data", port_offset=port_offset)


def test_one_node_is_alone_and_needs_no_controller(tmp_path: Path) -> None:
    found = configured(tmp_path)

    settings = node_settings(found, SECRETS, "broker")

    assert process_names(found.broker) == ["broker"]
    assert controller_address(found.broker) is None
    assert (settings.port, settings.node_id) == (9092, 0)
    assert settings.data_dir == tmp_path / "data" / "broker"
    assert [port.number for port in ports(found)] == [9092]


def test_three_nodes_have_ports_numbers_and_directories_of_their_own(tmp_path: Path) -> None:
    found = configured(tmp_path, THREE, port_offset=100)

    names = process_names(found.broker)
    nodes = [node_settings(found, SECRETS, name) for name in names[1:]]

    assert names == ["controller", "broker-1", "broker-2", "broker-3"]
    assert [(node.node_id, node.port) for node in nodes] == [(1, 9192), (2, 9193), (3, 9194)]
    assert [node.data_dir.name for node in nodes] == names[1:]
    assert controller_address(found.broker) == ("127.0.0.1", 9190)
    assert [port.number for port in ports(found)] == [9190, 9192, 9193, 9194]
    assert len({found.metrics_port(name) for name in names}) == 4


def test_three_nodes_with_a_certificate_have_three_tls_ports(tmp_path: Path) -> None:
    found = configured(tmp_path, THREE + '[broker.tls]\ncertificate = "server.crt"\n')

    assert [port.number for port in ports(found)] == [9090, 9092, 9095, 9093, 9096, 9094, 9097]
    assert node_settings(found, SECRETS, "broker-3").tls.port == 9097


def test_each_node_can_have_a_disk_of_its_own(tmp_path: Path) -> None:
    text = THREE + 'directories = ["/mnt/a", "/mnt/b", "here"]\n'
    found = configured(tmp_path, text)

    nodes = [node_settings(found, SECRETS, f"broker-{number}") for number in (1, 2, 3)]

    assert [node.data_dir for node in nodes] == [
        Path("/mnt/a"),
        Path("/mnt/b"),
        tmp_path / "data" / "here",
    ]
    assert controller_settings(found, SECRETS).data_dir == tmp_path / "data" / "controller"


def test_the_controller_lets_in_nodes_alone_and_keeps_as_many_copies_as_there_are(
    tmp_path: Path,
) -> None:
    found = configured(tmp_path, THREE)

    settings = controller_settings(found, SECRETS)

    assert list(settings.users) == ["node"]
    assert settings.default_replication == 3
    assert (settings.host, settings.port) == ("127.0.0.1", 9090)
    assert "node" not in node_settings(found, SECRETS, "broker-1").users
    assert prepare(tmp_path / "data").node == prepare(tmp_path / "data").node


def write_log(directory: Path, *, is_replicated: bool) -> None:
    """What a node leaves in its directory."""
    LogDirectory(directory, LogSettings(), SystemClock(), is_replicated=is_replicated).close()


def topic(name: str) -> Topic:
    topic_id = uuid4()
    only = Partition(
        topic=name,
        topic_id=topic_id,
        index=0,
        replicas=(1, 2, 3),
        isr=(1, 2, 3),
        leader=1,
        leader_epoch=0,
        partition_epoch=0,
    )
    return Topic(name=name, topic_id=topic_id, configs={}, partitions=(only,))


def write_controller(directory: Path, *topics: str) -> None:
    """What a controller leaves that has made these topics."""
    store = MetadataStore(directory)
    first = ControllerState(cluster=ClusterState(version=1, cluster_id="a cluster"))
    store.create(first)
    after = first.with_topics({name: topic(name) for name in topics})
    store.commit(first, replace(after, cluster=replace(after.cluster, version=2)))
    store.close()


def test_a_log_is_begun_and_gone_on_with(tmp_path: Path) -> None:
    one = configured(tmp_path)
    demand_fitting_data(one)
    demand_fitting_data(configured(tmp_path, THREE))

    write_log(tmp_path / "data" / "broker", is_replicated=False)

    demand_fitting_data(one)


def test_three_nodes_do_not_begin_beside_the_log_of_one(tmp_path: Path) -> None:
    write_log(tmp_path / "data" / "broker", is_replicated=False)

    with pytest.raises(DataDirectoryUnusable, match=r"data/broker .*of one node") as refused:
        demand_fitting_data(configured(tmp_path, THREE))

    assert "tocsin mirror" in str(refused.value)


@pytest.mark.parametrize("left", ["controller", "broker-2"])
def test_one_node_does_not_begin_beside_the_log_of_three(left: str, tmp_path: Path) -> None:
    if left == "controller":
        write_controller(tmp_path / "data" / left, "events.log")
    else:
        write_log(tmp_path / "data" / left, is_replicated=True)

    with pytest.raises(DataDirectoryUnusable, match=rf"data/{left} .*of three nodes"):
        demand_fitting_data(configured(tmp_path))


def test_a_chosen_directory_with_a_log_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    write_log(tmp_path / "disk", is_replicated=True)

    with pytest.raises(DataDirectoryUnusable, match=r"disk .*of three nodes"):
        demand_fitting_data(
            configured(tmp_path, f'[broker]\ndirectories = ["{tmp_path / "disk"}"]\n')
        )


def test_one_node_s_disk_may_be_new_but_not_all_of_them(tmp_path: Path) -> None:
    three = configured(tmp_path, THREE)
    write_controller(tmp_path / "data" / "controller", "events.log")

    with pytest.raises(DataDirectoryUnusable, match=r"broker-1, .*broker-3.*\nMount"):
        demand_fitting_data(three)
    write_log(tmp_path / "data" / "broker-3", is_replicated=True)

    demand_fitting_data(three)


def test_a_first_start_that_did_not_come_to_its_nodes_is_repeated(tmp_path: Path) -> None:
    write_controller(tmp_path / "data" / "controller")

    demand_fitting_data(configured(tmp_path, THREE))
    demand_fitting_data(configured(tmp_path))


def test_nodes_that_have_lost_their_controller_s_database_are_told(tmp_path: Path) -> None:
    write_log(tmp_path / "data" / "broker-3", is_replicated=True)

    with pytest.raises(DataDirectoryUnusable, match=r"nothing in .*data/controller"):
        demand_fitting_data(configured(tmp_path, THREE))
