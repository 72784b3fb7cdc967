"""Dockerfile and compose.yaml say only what the product understands."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.config import load_configuration
from appliance.ports import SUPERVISOR_PORT

REPOSITORY = Path(__file__).resolve().parents[3]
DOCKERFILE = REPOSITORY / "deploy" / "Dockerfile"
COMPOSE = REPOSITORY / "deploy" / "compose.yaml"
BESIDE = {9090, 3000}  # Prometheus and Grafana, in the network of the service


def instructions(word: str) -> list[str]:
    """What follows ``word`` in the last stage, continued lines joined."""
    text = DOCKERFILE.read_text().replace("\\\n", " ")
    last_stage = text[text.rindex("\nFROM ") :]
    return re.findall(rf"^{word}\s+(.+)$", last_stage, re.MULTILINE)


def environment() -> dict[str, str]:
    pairs = (pair.split("=", 1) for line in instructions("ENV") for pair in shlex.split(line))
    return {name: value for name, value in pairs if name.startswith("TOCSIN_")}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def published() -> list[tuple[str, int]]:
    """Address and the container's port of everything that is published."""
    ports = [
        port for service in compose()["services"].values() for port in service.get("ports", [])
    ]
    parts = [re.sub(r"\$\{\w+:-(\d+)\}", r"\1", port).split(":") for port in ports]
    return [(address, int(inner.split("/")[0])) for address, _, inner in parts]


def our_ports() -> set[int]:
    """What listens for people and senders by default; the log and the store do not."""
    found = load_configuration(None)
    syslog = found.pipeline.syslog
    return {found.web.port, found.pipeline.http.port, syslog.port, syslog.tls_port}


def test_the_image_names_settings_that_exist_and_leaves_log_and_store_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = environment()
    assert "TOCSIN_WEB__HOST" in given
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    found = load_configuration(None)
    told = found.model_dump(mode="json")
    for name, value in given.items():
        setting: Any = told
        for key in name.removeprefix("TOCSIN_").lower().split("__"):
            assert key in setting, f"{name} is no setting"
            setting = setting[key]
        assert setting == value
    assert found.broker.host == "127.0.0.1"
    assert found.pipeline.embedded_store.host == "127.0.0.1"


def test_the_image_exposes_exactly_what_people_and_senders_use() -> None:
    exposed = [port.split("/")[0] for line in instructions("EXPOSE") for port in line.split()]
    assert {int(port) for port in exposed} == our_ports()


def test_the_image_asks_the_supervisor_for_its_health() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert f"http://127.0.0.1:{SUPERVISOR_PORT}/healthz" in check


def test_the_image_starts_as_somebody_without_rights() -> None:
    assert instructions("USER") == ["tocsin"]


def test_every_published_port_is_on_loopback_and_leads_to_something() -> None:
    ports = published()
    assert {address for address, _ in ports} == {"127.0.0.1"}
    assert {number for _, number in ports} == our_ports() | BESIDE


def test_services_that_share_a_network_publish_nothing_of_their_own() -> None:
    services = compose()["services"]
    sharing = {name for name, one in services.items() if "network_mode" in one}
    assert sharing == {"prometheus", "grafana"}
    for name in sharing:
        assert services[name]["network_mode"] == "service:tocsin"
        assert services[name]["profiles"] == ["graphs"]
        assert "ports" not in services[name]


def test_what_compose_mounts_from_here_is_here() -> None:
    services, volumes = compose()["services"], compose()["volumes"]
    for service in services.values():
        for mount in service["volumes"]:
            origin = mount.split(":")[0]
            assert origin in volumes or (COMPOSE.parent / origin).is_dir(), mount
    build = services["tocsin"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).samefile(DOCKERFILE)
