"""The commands; a thin table over the packages.

What goes wrong in a way that a person can mend is one message on stderr and status 2; anything
else is a traceback, because it is our mistake. Imports are inside the commands: ``tocsin scan``
need not load a web server.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from appliance.command_options import Config, DataDir, PortOffset
from appliance.log_cli import groups_app, topics_app
from appliance.rules_cli import rules_app

app = typer.Typer(
    name="tocsin",
    help="A SIEM and metrics pipeline in a box.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
token_app = typer.Typer(help="API and ingest tokens.", no_args_is_help=True)
app.add_typer(token_app, name="token")
app.add_typer(topics_app, name="topics")
app.add_typer(groups_app, name="groups")
app.add_typer(rules_app, name="rules")

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


class TokenRole(StrEnum):
    """What a token may do; each role includes the ones before it, ingest stands alone."""

    VIEWER = "viewer"
    ANALYST = "analyst"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"
    INGEST = "ingest"


class ScanFormat(StrEnum):
    """How matches are printed."""

    JSONL = "jsonl"


@contextmanager
def _explained(*mendable: type[Exception]) -> Iterator[None]:
    """Turn what a person can mend into a message and status 2."""
    try:
        yield
    except mendable as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def up(
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
    roles: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated; default: all but what a URL of yours replaces. broker: every"
            " node of the log and their controller."
        ),
    ] = None,
) -> None:
    """Run the product: every role, restarted when it dies, until Ctrl-C."""
    from appliance.config import ConfigurationInvalid, load_configuration
    from appliance.first_run import DataDirectoryUnusable
    from appliance.ports import PortTaken
    from appliance.supervisor import RoleFailed
    from appliance.up import UnknownRole, same_product
    from appliance.up import up as run

    with _explained(
        ConfigurationInvalid, DataDirectoryUnusable, PortTaken, RoleFailed, UnknownRole
    ):
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        run(found, config, roles, same=same_product(config, data_dir, port_offset))


@app.command(hidden=True)
def role(
    name: str, config: Config = None, data_dir: DataDir = None, port_offset: PortOffset = None
) -> None:
    """Run one role in this process; ``up`` starts these."""
    from appliance.config import load_configuration
    from appliance.first_run import prepare
    from appliance.roles import run_role

    found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
    run_role(name, found, prepare(found.data_dir))


@app.command()
def demo(
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
    seed: Annotated[int, typer.Option(help="Another seed, other users, hosts, addresses.")] = 1,
) -> None:
    """Send a believable day of a small company through the running product."""
    from appliance.config import ConfigurationInvalid, load_configuration
    from appliance.demonstrate import NothingRunning, demonstrate

    with _explained(ConfigurationInvalid, NothingRunning):
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        demonstrate(found, seed=seed)


@app.command()
def mirror(
    to: Annotated[Path, typer.Option(help="Configuration of the log to copy to.")],
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """Copy the log to another cluster, offsets and groups included; see docs/howto."""
    from appliance.config import ConfigurationInvalid, load_configuration
    from appliance.first_run import DataDirectoryUnusable
    from appliance.mirror import mirror as run
    from appliance.mirror import target_configuration
    from pipeline.errors import BusRefused, BusUnavailable

    with _explained(ConfigurationInvalid, DataDirectoryUnusable, BusRefused, BusUnavailable):
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        run(found, target_configuration(to, found))


@app.command()
def scan(
    rules: Annotated[list[Path], typer.Option(help="Sigma file or directory; may repeat.")],
    events: Annotated[list[Path], typer.Option(help="NDJSON, NDJSON.gz or text; may repeat.")],
    more_events: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,
    logsource: Annotated[
        list[str] | None,
        typer.Option(help="product=…,category=…,service=…; a repeated key means any of them."),
    ] = None,
    pipeline: Annotated[
        list[str] | None,
        typer.Option(help="pySigma processing pipeline: file, directory or name; may repeat."),
    ] = None,
    placeholders: Annotated[
        list[Path] | None, typer.Option(help="YAML of placeholders' values; may repeat.")
    ] = None,
    time_field: Annotated[
        str, typer.Option(help="Field with the events' time; correlations are evaluated by it.")
    ] = "",
    format_: Annotated[ScanFormat, typer.Option("--format")] = ScanFormat.JSONL,
) -> None:
    """Hold Sigma rules against files: one line a match."""
    from detections.scan import main_scan

    code = main_scan(
        rules,
        [*events, *(more_events or [])],
        logsource or [],
        sys.stdout,
        pipelines=pipeline or [],
        placeholder_files=placeholders or [],
        time_field=time_field,
    )
    sys.exit(code)


@token_app.command("create")
def token_create(
    role: Annotated[TokenRole, typer.Option(help="What the token may do.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """Make an API token and print it, once, as the last word."""
    from appliance.config import ConfigurationInvalid, load_configuration
    from appliance.first_run import DataDirectoryUnusable
    from appliance.tokens import create_token

    with _explained(ConfigurationInvalid, DataDirectoryUnusable):
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        typer.echo(create_token(found, role.value, name))


@app.command("test", context_settings=PASS_ON)
def run_tests(
    context: typer.Context,
    with_peers: Annotated[
        bool, typer.Option(help="Install the foreign programs that tests talk to (apt, root).")
    ] = False,
) -> None:
    """Run the tests; further arguments go to pytest."""
    from appliance import development

    sys.exit(development.run_tests(context.args, with_peers=with_peers))


@app.command()
def check() -> None:
    """Format, lint, type-check and run the import contracts."""
    from appliance.development import run_checks

    sys.exit(run_checks())


@app.command(context_settings=PASS_ON)
def bench(context: typer.Context, name: str) -> None:
    """Run one benchmark of tests/bench; JSON on stdout."""
    from appliance.development import run_benchmark

    sys.exit(run_benchmark(name, context.args))


@app.command(context_settings=PASS_ON)
def judges(context: typer.Context) -> None:
    """Let others' test programs judge our broker: a table of what passed and what did not.

    Arguments: NAME… of judges (all), --only PATTERN, --nodes 3, --json FILE.
    """
    from appliance.development import run_judges

    sys.exit(run_judges(context.args))


@app.command()
def docs() -> None:
    """Write the reference pages anew from the code."""
    from appliance.development import ROOT
    from appliance.reference import pages
    from appliance.source_map import with_trees

    page = ROOT / "ARCHITECTURE.md"
    page.write_text(with_trees(page.read_text(), ROOT))
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)


def main() -> None:
    """Run the command that the arguments name."""
    app()
