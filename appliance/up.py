"""``tocsin up``: check what is needed, start every role, say where everything is."""

import asyncio
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from appliance.config import Configuration
from appliance.first_run import claim, prepare
from appliance.health import serve_health
from appliance.log_nodes import demand_fitting_data
from appliance.logs import configure_logs
from appliance.ports import SUPERVISOR_PORT, demand_free, reachable
from appliance.roles import ROLES, default_roles, ports_of, processes_of
from appliance.supervisor import RoleCommand, Supervisor, stop_on_signals
from web.security.first_administrator import FirstAdministrator, ensure_first_administrator


class UnknownRole(Exception):
    """``--roles`` names a role that does not exist."""


def up(
    configuration: Configuration, config_file: Path | None, roles: str | None, *, same: str = ""
) -> None:
    """Run the roles until Ctrl-C or SIGTERM.

    Args:
        configuration: What to run.
        config_file: Handed on to the roles.
        roles: Comma-separated names; None for all that no other cluster or server replaces.
            ``broker`` is the whole log: of several nodes, their controller and all of them.
        same: Options that let other commands find this product, for what is printed.

    Raises:
        UnknownRole: A name is none of ours.
        DataDirectoryUnusable, PortTaken, RoleFailed: With what to do about it.
    """
    names = default_roles(configuration) if roles is None else _chosen(roles)
    with claim(configuration.data_dir):
        if "broker" in names:
            demand_fitting_data(configuration)
        demand_free(ports_of(names, configuration))
        prepare(configuration.data_dir)
        administrator = None
        if "web" in names:
            administrator = ensure_first_administrator(
                configuration.web, os.environ.pop("TOCSIN_ADMIN_PASSWORD", None)
            )
        banner = _banner(configuration, names, administrator, same)
        asyncio.run(_supervise(configuration, config_file, names, banner))


def same_product(config: Path | None, data_dir: Path | None, port_offset: int | None) -> str:
    """The options with which ``up`` was called, as other commands want them.

    >>> same_product(None, Path("my data"), 100)
    " --data-dir 'my data' --port-offset 100"
    """
    given = {"--config": config, "--data-dir": data_dir, "--port-offset": port_offset}
    named = [f" {name} {shlex.quote(str(one))}" for name, one in given.items() if one is not None]
    return "".join(named)


def _chosen(roles: str) -> list[str]:
    """The roles that were asked for, in starting order."""
    wanted = {name.strip() for name in roles.split(",") if name.strip()}
    if unknown := sorted(wanted - set(ROLES)):
        known = ", ".join(ROLES)
        raise UnknownRole(f"There is no role {', '.join(unknown)}. The roles are: {known}.")
    return [name for name in ROLES if name in wanted]


async def _supervise(
    configuration: Configuration,
    config_file: Path | None,
    names: Sequence[str],
    banner: Sequence[str],
) -> None:
    """Run the supervisor until a signal, with its health endpoint beside it."""
    configure_logs("supervisor", file=_log_file(configuration))
    processes = list(processes_of(names, configuration))
    supervisor = Supervisor([_command(name, configuration, config_file) for name in processes])
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Starting {', '.join(processes)} …")

    def announce() -> None:
        for line in banner:
            console.print(line, markup=False)
        sys.stdout.flush()

    running = asyncio.ensure_future(supervisor.run(announce))
    stop_on_signals(running)
    port = SUPERVISOR_PORT + configuration.port_offset
    async with serve_health(configuration.metrics_host, port, supervisor.report):
        try:
            await running
        except asyncio.CancelledError:
            console.print("Everything has stopped; nothing that was acknowledged is lost.")


def _command(name: str, configuration: Configuration, config_file: Path | None) -> RoleCommand:
    """How to start a process of this configuration."""
    command = [sys.executable, "-m", "appliance", "role", name]
    command += ["--data-dir", str(configuration.data_dir)]
    command += ["--port-offset", str(configuration.port_offset)]
    if config_file is not None:
        command += ["--config", str(config_file)]
    to_files = configuration.logs == "files"
    return RoleCommand(
        name=name,
        command=command,
        health_url=f"http://{reachable(configuration.metrics_host)}"
        f":{configuration.metrics_port(name)}/healthz",
        log_file=configuration.data_dir / "logs" / f"{name}.log" if to_files else None,
    )


def _banner(
    configuration: Configuration,
    names: Sequence[str],
    administrator: FirstAdministrator | None,
    same: str,
) -> list[str]:
    """What a newcomer needs to know once everything runs."""
    lines = ["", "Tocsin is up.", ""]
    if "web" in names:
        web = configuration.web
        lines.append(f"  Console    http://{reachable(web.host)}:{web.port}")
        lines += _credentials(administrator)
    if "collectors" in names:
        syslog, http = configuration.pipeline.syslog, configuration.pipeline.http
        host = reachable(syslog.host)
        lines += [
            f"  Syslog     {host}:{syslog.port} (UDP and TCP), {host}:{syslog.tls_port} (TLS)",
            f"  HTTP       http://{reachable(http.host)}:{http.port}/ingest/ndjson"
            f" (token: ./tocsin token create --role ingest{same})",
        ]
    lines.append(f"  Kafka      {_kafka(configuration, is_ours='broker' in names)}")
    lines.append(f"  Data       {configuration.data_dir}")
    if "collectors" in names:
        syslog = configuration.pipeline.syslog
        host = reachable(syslog.host)
        lines += [
            "",
            f"  Try        logger -n {host} -P {syslog.port} -d 'hello from my first device'",
            f"             ./tocsin demo{same}    sends a day of a small company, with a break-in",
        ]
    return [*lines, "", "Ctrl-C stops everything in order.", ""]


def _kafka(configuration: Configuration, *, is_ours: bool) -> str:
    """Where the log answers."""
    broker = configuration.broker
    if not is_ours:
        return configuration.pipeline.bus.url
    first = f"{reachable(broker.host)}:{broker.port}"
    if broker.nodes == 1:
        return first
    others = "".join(f", {broker.port + place}" for place in range(1, broker.nodes))
    return f"{first}{others} ({broker.nodes} nodes; their controller: {broker.controller_port})"


def _credentials(administrator: FirstAdministrator | None) -> list[str]:
    """The one-time password on the first run; afterwards only the name."""
    if administrator is None or administrator.password is None:
        return ["  Sign in    admin (with the password you chose)"]
    return [
        f"  Sign in    admin / {administrator.password}",
        "             (one-time password: the console asks for a new one)",
    ]


def _log_file(configuration: Configuration) -> Path | None:
    """Where the supervisor's own log lines go."""
    if configuration.logs == "stdout":
        return None
    return configuration.data_dir / "logs" / "supervisor.log"
