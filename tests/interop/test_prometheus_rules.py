"""A real Prometheus loads our configuration and rules, and its own tool tests when they fire."""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from tests.support.peers import program, running
from tests.support.ports import free_port
from tests.support.waiting import until

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "deploy" / "prometheus"
pytestmark = pytest.mark.peer("prometheus", "promtool")


def promtool(*arguments: str) -> str:
    """Its output; fails the test with it when promtool is not content."""
    ended = subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def configuration(targets: dict[str, int], rules: Path) -> str:
    """The shipped configuration, with free ports in place of ours and a short interval."""
    shipped: Any = yaml.safe_load((SHIPPED / "prometheus.yml").read_text())
    shipped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(rules)]
    for target in shipped["scrape_configs"][0]["static_configs"]:
        target["targets"] = [f"127.0.0.1:{targets[target['labels']['role']]}"]
    return yaml.safe_dump(shipped)


def supervisor_registry() -> CollectorRegistry:
    """What a supervisor says while the sinks are not ready."""
    registry = CollectorRegistry()
    role_running = Gauge("tocsin_role_running", "As ours.", ["role"], registry=registry)
    role_running.labels(role="sinks").set(0)
    role_running.labels(role="web").set(1)
    restarts = Counter("tocsin_role_restarts", "As ours.", ["role"], registry=registry)
    restarts.labels(role="sinks").inc(4)
    return registry


def test_promtool_accepts_the_configuration_and_its_rules() -> None:
    promtool("check", "config", str(SHIPPED / "prometheus.yml"))


def test_every_alert_fires_in_its_case_and_no_other_does() -> None:
    tests = REPOSITORY / "tests" / "unit" / "deploy" / "tocsin.rules.test.yml"
    assert "SUCCESS" in promtool("test", "rules", str(tests))


def test_prometheus_scrapes_the_roles_and_names_the_one_that_is_not_ready(tmp_path: Path) -> None:
    roles = ("broker", "store", "sinks", "detections", "collectors", "web", "supervisor")
    with ExitStack() as stack:
        targets = {}
        for role in roles:
            registry = supervisor_registry() if role == "supervisor" else CollectorRegistry()
            server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            targets[role] = server.server_port
        port = free_port()
        path = tmp_path / "prometheus.yml"
        path.write_text(configuration(targets, SHIPPED / "tocsin.rules.yml"))
        command = [
            "prometheus",
            f"--config.file={path}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        stack.enter_context(running(command, tmp_path / "log"))
        client = stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False)
        )

        def ask(path: str) -> Any:
            try:
                answer = client.get(path)
            except httpx.TransportError:
                return None
            return answer.json()["data"] if answer.status_code == 200 else None

        def active() -> set[tuple[str, str, str]]:
            found = (ask("/alerts") or {"alerts": []})["alerts"]
            return {
                (one["labels"]["alertname"], one["labels"]["role"], one["state"]) for one in found
            }

        wanted = {
            ("TocsinRoleNotRunning", "sinks", "pending"),  # fires after a minute: promtool's test
            ("TocsinRoleRestarting", "sinks", "firing"),
        }
        until(lambda: wanted == active(), "the role that is not ready is named, and no other")

        def up() -> list[str]:
            found = (ask("/query?query=up==1") or {"result": []})["result"]
            return sorted(one["metric"]["role"] for one in found)

        until(lambda: up() == sorted(roles), "every role is scraped")

        def health() -> list[str]:
            groups = (ask("/rules") or {"groups": []})["groups"]
            return [rule["health"] for group in groups for rule in group["rules"]]

        shipped = yaml.safe_load((SHIPPED / "tocsin.rules.yml").read_text())
        number = sum(len(group["rules"]) for group in shipped["groups"])
        until(lambda: health() == ["ok"] * number, "every rule has been evaluated")
