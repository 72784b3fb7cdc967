"""``tocsin demo``: a generated day through the collectors of the running product."""

import asyncio
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from appliance.config import Configuration
from appliance.demo.day import generate
from appliance.demo.sending import DemoRefused, DemoTargets, send
from appliance.ports import reachable
from appliance.tokens import create_token


class NothingRunning(Exception):
    """The collectors do not answer."""


def demonstrate(configuration: Configuration, *, seed: int) -> None:
    """Generate the day that ends now and send it; say where its alerts are.

    Raises:
        NothingRunning: The product is not up, or a collector refused.
    """
    console = Console(highlight=False)
    syslog, http = configuration.pipeline.syslog, configuration.pipeline.http
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
            raise NothingRunning(f"{error}\nStart Tocsin first: ./tocsin up") from error
    web = configuration.web
    console.print(f"Sent {sent:,} messages of one day. Somebody broke in during its last hour:")
    console.print(f"  http://{reachable(web.host)}:{web.port}/alerts")
