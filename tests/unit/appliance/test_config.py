"""The configuration: one closed file, the environment above it, the command line above both."""

from pathlib import Path

import pytest

from appliance.config import ConfigurationInvalid, load_configuration
from detections import correlating, worker
from pipeline.collectors import kafka
from pipeline.sinks import role, webhook


def test_defaults_need_no_file() -> None:
    found = load_configuration(None)

    assert found.web.port == 8440
    assert found.pipeline.syslog.port == 5514
    assert found.data_dir.is_absolute()


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text("[pipeline.store]\nbatch_rows = 500\nretention_days = 7\n")
    monkeypatch.setenv("TOCSIN_PIPELINE__STORE__BATCH_ROWS", "900")

    found = load_configuration(file)

    assert found.pipeline.store.batch_rows == 900
    assert found.pipeline.store.retention_days == 7


def test_the_command_line_overrides_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_DATA_DIR", "/nonexistent")

    found = load_configuration(None, data_dir=tmp_path / "here", port_offset=5)

    assert found.data_dir == tmp_path / "here"
    assert found.web.port == 8445


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text("[pipeline.syslog]\nprot = 514\n")

    with pytest.raises(ConfigurationInvalid, match=r"pipeline\.syslog\.prot"):
        load_configuration(file)


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text("[pipeline\n")

    with pytest.raises(ConfigurationInvalid, match=r"tocsin\.toml"):
        load_configuration(file)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="does not exist"):
        load_configuration(tmp_path / "nothing.toml")


def test_the_port_offset_moves_every_listener_and_our_own_addresses() -> None:
    found = load_configuration(None, port_offset=100)

    assert (found.broker.port, found.broker.tls.port) == (9192, 9195)
    assert found.pipeline.bus.url == "kafka://127.0.0.1:9192"
    assert found.pipeline.embedded_store.port == 8223
    assert found.pipeline.store.url == "http://127.0.0.1:8223"
    assert (found.pipeline.syslog.port, found.pipeline.syslog.tls_port) == (5614, 6614)
    assert found.pipeline.http.port == 8188
    assert found.metrics_port("web") == 9545
    assert found.supervisor_url == "http://127.0.0.1:9546/healthz"


def test_a_bus_elsewhere_is_not_moved(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('[pipeline.bus]\nurl = "kafka://kafka.example:9092"\n')

    found = load_configuration(file, port_offset=100)

    assert found.pipeline.bus.url == "kafka://kafka.example:9092"


def test_a_cluster_and_a_server_of_one_s_own_replace_our_roles(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text(
        '[pipeline.bus]\nurl = "kafka://kafka.example:9092"\n'
        '[pipeline.store]\nurl = "http://clickhouse.example:8123"\n'
    )

    assert load_configuration(file).replaced_roles == {"broker", "store"}
    assert load_configuration(None, port_offset=100).replaced_roles == frozenset()


def test_our_own_address_spelt_out_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('[pipeline.bus]\nurl = "kafka://127.0.0.1:9092"\n')

    assert load_configuration(file).replaced_roles == frozenset()


def test_three_nodes_are_one_setting_and_our_clients_know_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text("[broker]\nnodes = 3\n")

    found = load_configuration(file, port_offset=100)

    bus = found.pipeline.bus
    assert bus.url == "kafka://127.0.0.1:9192,127.0.0.1:9193,127.0.0.1:9194"
    assert (bus.replication_factor, bus.min_insync_replicas) == (3, 2)
    assert found.replaced_roles == frozenset()


def test_one_of_our_nodes_spelt_out_is_still_our_log(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('[broker]\nnodes = 3\n[pipeline.bus]\nurl = "kafka://127.0.0.1:9093"\n')

    assert load_configuration(file).replaced_roles == frozenset()


def test_the_copies_on_another_cluster_are_its_own_affair_unless_they_are_set(
    tmp_path: Path,
) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text('[pipeline.bus]\nurl = "kafka://kafka.example:9092"\n')
    alone = load_configuration(None).pipeline.bus
    elsewhere = load_configuration(file).pipeline.bus
    file.write_text(file.read_text() + "replication_factor = 2\n")

    told = load_configuration(file).pipeline.bus

    assert (alone.replication_factor, alone.min_insync_replicas) == (None, None)
    assert (elsewhere.replication_factor, elsewhere.min_insync_replicas) == (None, None)
    assert (told.replication_factor, told.min_insync_replicas) == (2, None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nodes = 2", "2 nodes: 1 or 3"),
        ('nodes = 3\ndirectories = ["a", "b"]', "2 directories for 3 nodes"),
        ('nodes = 3\ndirectories = ["a", "a", "b"]', "3 directories for 3 nodes"),
        ("nodes = 3\ncontroller_port = 9093", "9093, 9093"),
        ("nodes = 3\nport = 65534", "65536"),
    ],
)
def test_nodes_that_have_no_place_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "tocsin.toml"
    file.write_text(f"[broker]\n{text}\n")

    with pytest.raises(ConfigurationInvalid, match=reason):
        load_configuration(file)


def test_the_disk_budget_waits_for_the_groups_that_our_roles_have() -> None:
    found = load_configuration(None)

    assert set(found.broker.disk_budget_groups) == {
        kafka.GROUP,
        worker.GROUP,
        correlating.GROUP,
        role.CLICKHOUSE_GROUP,
        webhook.GROUP,
    }
