"""The commands ``topics`` and ``groups``: which cluster, signed in as whom, what to do there."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.command_options import Config, DataDir, PortOffset

if TYPE_CHECKING:  # the commands import when they run, as all of ours do
    from appliance.log_shell import Place
    from pipeline.bus.admin import Admin
    from pipeline.settings import BusSettings

topics_app = typer.Typer(help="Topics of the log.", no_args_is_help=True)
groups_app = typer.Typer(help="Consumer groups and how far they have read.", no_args_is_help=True)


Work = Callable[["Admin", "BusSettings"], Coroutine[Any, Any, None]]


def _run(config: Path | None, data_dir: Path | None, port_offset: int | None, work: Work) -> None:
    """Ask the configured cluster; what a person can mend is a message and status 2."""
    import asyncio
    from contextlib import suppress

    from appliance.config import ConfigurationInvalid, load_configuration
    from appliance.first_run import DataDirectoryUnusable, prepare
    from appliance.log_shell import LogShellError
    from appliance.roles import bus_of
    from pipeline.bus.admin import Admin
    from pipeline.errors import PipelineError

    try:
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        bus = bus_of(found, prepare(found.data_dir), "admin")
        with suppress(KeyboardInterrupt):
            asyncio.run(work(Admin(bus), bus))
    except (ConfigurationInvalid, DataDirectoryUnusable, LogShellError, PipelineError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@topics_app.command("list")
def topics_list(
    config: Config = None, data_dir: DataDir = None, port_offset: PortOffset = None
) -> None:
    """One line a topic: partitions, copies, records, and what is not well."""
    from appliance import log_shell

    _run(config, data_dir, port_offset, lambda admin, _: log_shell.list_topics(admin, sys.stdout))


@topics_app.command("describe")
def topics_describe(
    topic: str, config: Config = None, data_dir: DataDir = None, port_offset: PortOffset = None
) -> None:
    """A topic's own settings and its partitions."""
    from appliance import log_shell

    _run(
        config,
        data_dir,
        port_offset,
        lambda admin, _: log_shell.describe_topic(admin, topic, sys.stdout),
    )


@topics_app.command("tail")
def topics_tail(
    topic: str,
    last: Annotated[int, typer.Option(min=0, help="Records of each partition to begin with.")] = 10,
    follow: Annotated[bool, typer.Option(help="Go on with what comes, until Ctrl-C.")] = True,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """The newest records of a topic, one JSON line each."""
    from appliance import log_shell

    _run(
        config,
        data_dir,
        port_offset,
        lambda _, bus: log_shell.tail(bus, topic, sys.stdout, last=last, follow=follow),
    )


@groups_app.command("list")
def groups_list(
    config: Config = None, data_dir: DataDir = None, port_offset: PortOffset = None
) -> None:
    """One line a group: state, members, lag."""
    from appliance import log_shell

    _run(config, data_dir, port_offset, lambda admin, _: log_shell.list_groups(admin, sys.stdout))


@groups_app.command("describe")
def groups_describe(
    group: str, config: Config = None, data_dir: DataDir = None, port_offset: PortOffset = None
) -> None:
    """How far a group has read each partition, and who reads it."""
    from appliance import log_shell

    _run(
        config,
        data_dir,
        port_offset,
        lambda admin, _: log_shell.describe_group(admin, group, sys.stdout),
    )


@groups_app.command("reset")
def groups_reset(
    group: str,
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic to go on in; may be repeated.")
    ] = None,
    all_topics: Annotated[
        bool, typer.Option("--all-topics", help="All that the group has committed for.")
    ] = False,
    to: Annotated[str | None, typer.Option(help="earliest, latest or an offset.")] = None,
    to_datetime: Annotated[
        str | None,
        typer.Option(help="The first records as late as that: ISO 8601, UTC if it does not say."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, do nothing.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """Let a group without members go on elsewhere."""
    from appliance import log_shell

    if bool(topic) == all_topics:
        raise typer.BadParameter("either --topic, once or more, or --all-topics")
    place = _place(to, to_datetime)
    _run(
        config,
        data_dir,
        port_offset,
        lambda admin, _: log_shell.reset_group(
            admin, group, topic or (), place, sys.stdout, dry_run=dry_run
        ),
    )


def _place(to: str | None, to_datetime: str | None) -> "Place":
    from appliance import log_shell

    if to is not None and to_datetime is None:
        try:
            return log_shell.place_named(to)
        except ValueError as error:
            raise typer.BadParameter(f"{to!r} is not earliest, latest or an offset") from error
    if to_datetime is None or to is not None:
        raise typer.BadParameter("either --to or --to-datetime")
    try:
        return log_shell.time_named(to_datetime)
    except ValueError as error:
        raise typer.BadParameter(
            f"{to_datetime!r} is no time such as 2026-03-01T12:00:00Z"
        ) from error
