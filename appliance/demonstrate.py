"""``tocsin demo``: a generated day through the collectors of the running product."""

import asyncio
import socket
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from appliance.config import Configuration
from appliance.demo.day import generate
from appliance.demo.sending import DemoRefused, DemoTargets, send
from appliance.ports import reachable
from appliance.tokens import create_token

REMEDY = (
    "Start Tocsin first: ./tocsin up. If it was started with --config, --data-dir or --port-offset,"
    " say the same here."
)
CONNECT_SECONDS = 10.0


class NothingRunning(Exception):
    """The collectors do not answer."""


def demonstrate(configuration: Configuration, *, seed: int) -> None:
    """Generate the day that ends now and send it; say where its alerts are.

    Raises:
        NothingRunning: The product is not up, or a collector refused.
    """
    console = Console(highlight=False)
    syslog, http = configuration.pipeline.syslog, configuration.pipeline.http
    _demand_collectors(reachable(syslog.host), syslog.port)
    targets = DemoTargets(
        syslog=(reachable(syslog.host), syslog.port),
        http=f"http://{reachable(http.host)}:{http.port}",
        token=create_token(configuration, "ingest", f"demo, seed {seed}"),
        click_site=http.click_sites[0],
    )
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Sending a day of a small company …")

        def show(sent: int, reached: datetime) -> None:
            at = reached.astimezone().strftime("%H:%M")
            progress.update(task, description=f"{sent:,} messages sent, it is {at} in the day")

        try:
            sent = asyncio.run(send(generate(seed, datetime.now(UTC)), targets, show))
        except DemoRefused as error:
            raise NothingRunning(f"{error}\n{REMEDY}") from error
    web = configuration.web
    console.print(f"Sent {sent:,} messages of one day. Somebody broke in during its last hour:")
    console.print(f"  http://{reachable(web.host)}:{web.port}/alerts")


def _demand_collectors(host: str, port: int) -> None:
    """See that somebody listens, before anything is made for them.

    Raises:
        NothingRunning: Nobody does.
    """
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        raise NothingRunning(
            f"No collector answers at {host}:{port}: {error.strerror or error}.\n{REMEDY}"
        ) from error
