"""The Prometheus configuration names every role where it really answers."""

import re
from pathlib import Path

import yaml

from appliance.log_nodes import process_names
from appliance.ports import METRICS_PORTS, SUPERVISOR_PORT
from broker_core.settings import BrokerSettings

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"


SEVERAL = BrokerSettings(nodes=3)


def targets(configuration: str) -> dict[str, list[str]]:
    """Where each role is scraped."""
    (job,) = yaml.safe_load(configuration)["scrape_configs"]
    named = {one["labels"]["role"]: one["targets"] for one in job["static_configs"]}
    assert len(job["static_configs"]) == len(named)
    return named


def test_every_role_is_a_target_at_its_port() -> None:
    named = targets((SHIPPED / "prometheus.yml").read_text())

    ports = {**METRICS_PORTS, "supervisor": SUPERVISOR_PORT}
    wanted = ports.keys() - set(process_names(SEVERAL))
    assert named == {role: [f"127.0.0.1:{ports[role]}"] for role in wanted}


def test_three_nodes_and_their_controller_are_targets_once_they_are_commented_in() -> None:
    shipped = (SHIPPED / "prometheus.yml").read_text()
    named = targets(re.sub(r"(?m)^      # (- targets|  labels)", r"      \1", shipped))

    first, *others = sorted(process_names(SEVERAL))
    assert named["broker"] == [f"127.0.0.1:{METRICS_PORTS[first]}"]
    for name in others:
        assert named[name] == [f"127.0.0.1:{METRICS_PORTS[name]}"]


def test_what_the_supervisor_says_of_a_role_keeps_that_roles_name() -> None:
    (job,) = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())["scrape_configs"]
    assert job["honor_labels"] is True


def test_every_alert_says_how_bad_it_is_and_what_it_means() -> None:
    groups = yaml.safe_load((SHIPPED / "tocsin.rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description"}, rule["alert"]


def test_every_alert_is_seen_firing_in_the_unit_tests_of_promtool() -> None:
    groups = yaml.safe_load((SHIPPED / "tocsin.rules.yml").read_text())["groups"]
    tested = (Path(__file__).parent / "tocsin.rules.test.yml").read_text()
    for rule in (rule for group in groups for rule in group["rules"]):
        assert f'alertname="{rule["alert"]}"' in tested
