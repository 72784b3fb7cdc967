"""``[broker] nodes = 3``: a node and the controller are killed under load, and nobody notices."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.bus.admin import Admin, PartitionDescription
from pipeline.schema.topics import EVENTS_LOG, RAW_PREFIX, TOPICS
from pipeline.settings import BusSettings
from tests.support.kills import disturb_under_load
from tests.support.product import NODES, ROOT, Product, product
from tests.support.waiting import until

THREE = "[broker]\nnodes = 3\n"
METRICS = {"controller": 9449, "broker-1": 9440, "broker-2": 9447, "broker-3": 9448}

pytestmark = [pytest.mark.process, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("three") / "data", config=THREE) as found:
        yield found


def partitions(running: Product) -> dict[tuple[str, int], PartitionDescription]:
    """Every partition of the product's topics, as its clients are told of it."""
    ours = {topic.name for topic in TOPICS}
    return {
        (topic.name, partition.partition): partition
        for topic in asyncio.run(Admin(running.bus).topics())
        for partition in topic.partitions
        if topic.name in ours
    }


def is_whole(running: Product) -> bool:
    """Whether every partition has all of its copies, and somebody leads it."""
    found = partitions(running).values()
    return all(len(one.in_sync) == len(one.replicas) == 3 and one.leader > 0 for one in found)


def measured(running: Product, process: str, name: str) -> float:
    """The value of a metric that a process shows."""
    answer = httpx.get(running.url(METRICS[process], "/metrics"), trust_env=False, timeout=60).text
    [value] = [
        sample.value
        for family in text_string_to_metric_families(answer)
        for sample in family.samples
        if sample.name == name
    ]
    return value


def test_every_event_is_stored_once_while_a_leader_and_the_controller_are_killed(
    running: Product, tmp_path: Path
) -> None:
    killed = []

    def kill(process: str) -> None:
        killed.append(process)
        running.kill(process)
        running.until_healthy()
        until(lambda: is_whole(running), "every copy is in sync again", seconds=120)

    def kill_a_leader() -> None:
        leader = partitions(running)[EVENTS_LOG, 0].leader
        kill(f"broker-{leader}")

    def kill_the_controller() -> None:
        kill("controller")

    found = disturb_under_load(
        running, [kill_a_leader, kill_the_controller], tmp_path / "journal", rate=300
    )

    assert found.sent > 0
    assert found.is_clean, found
    restarts = {name: role["restarts"] for name, role in running.health()["roles"].items()}
    assert restarts == {name: int(name in killed) for name in restarts}


def test_nothing_is_red_once_it_has_healed(running: Product) -> None:
    until(lambda: is_whole(running), "every copy is in sync", seconds=120)

    health = running.health()

    assert list(health["roles"])[:5] == ["controller", "broker-1", "broker-2", "broker-3", "store"]
    assert health["status"] == "ok"
    controller = "kafka_controller_kafkacontroller"
    assert measured(running, "controller", f"{controller}_activecontrollercount") == 1
    assert measured(running, "controller", f"{controller}_offlinepartitionscount") == 0
    for node in ("broker-1", "broker-2", "broker-3"):
        name = "kafka_server_replicamanager_underreplicatedpartitions"
        until(lambda: measured(running, node, name) == 0, f"{node} counts it too")  # noqa: B023


def test_a_shell_shows_who_leads_and_who_is_in_sync(running: Product) -> None:
    head, *lines = running.run("topics", "describe", EVENTS_LOG).splitlines()[-7:]

    assert head.split()[:4] == ["PARTITION", "LEADER", "REPLICAS", "IN-SYNC"]
    assert [sorted(line.split()[3].split(",")) for line in lines] == [["1", "2", "3"]] * 6
    assert len({line.split()[1] for line in lines}) > 1


def test_strangers_on_loopback_see_raw_topics_alone_on_every_node(running: Product) -> None:
    raw = {topic.name for topic in TOPICS if topic.name.startswith(RAW_PREFIX)}
    for port in NODES:
        stranger = BusSettings(url=f"kafka://127.0.0.1:{running.port(port)}")
        assert {topic.name for topic in asyncio.run(Admin(stranger).topics())} == raw


def test_the_log_of_three_nodes_is_not_opened_by_one(running: Product, tmp_path: Path) -> None:
    command = [str(ROOT / "tocsin"), "up", "--roles", "broker"]
    data = tmp_path / "data"
    data.mkdir()
    (data / "broker-1").symlink_to(running.data_dir / "broker-1")

    refused = subprocess.run(
        [*command, "--data-dir", str(data)], capture_output=True, text=True, check=False
    )

    assert refused.returncode == 2
    assert "./tocsin mirror" in refused.stderr
