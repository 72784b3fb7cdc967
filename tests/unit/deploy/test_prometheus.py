"""The Prometheus configuration names every role where it really answers."""

from pathlib import Path

import yaml

from appliance.ports import METRICS_PORTS, SUPERVISOR_PORT

SHIPPED = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"


def test_every_role_is_a_target_at_its_port() -> None:
    (job,) = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())["scrape_configs"]
    named = {one["labels"]["role"]: one["targets"] for one in job["static_configs"]}
    ports = {**METRICS_PORTS, "supervisor": SUPERVISOR_PORT}
    assert named == {role: [f"127.0.0.1:{port}"] for role, port in ports.items()}
    assert len(job["static_configs"]) == len(named)


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
