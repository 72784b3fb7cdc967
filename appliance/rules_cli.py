"""The command ``rules``: living with rules from a shell."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appliance.command_options import Config, DataDir, PortOffset

if TYPE_CHECKING:  # the commands import when they run, as all of ours do
    from appliance.rules_data_shell import RulesDataShell
    from appliance.rules_shell import RulesShell
    from detections.settings import DetectionSettings

rules_app = typer.Typer(help="Living with rules.", no_args_is_help=True)

Since = Annotated[str, typer.Option(help="From when on: -7d, -12h, or a time in ISO 8601.")]
Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Directories or files; default: all rules of the product."),
]
Days = Annotated[int, typer.Option(min=1, max=3_650, help="How far back the data is looked at.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]

Work = Callable[["RulesShell"], Coroutine[Any, Any, int]]
DataWork = Callable[["RulesDataShell"], Coroutine[Any, Any, int]]


class Least(StrEnum):
    """How severe an issue has to be; error: the rule is not evaluated, or not as written."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    ERROR = "error"


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a person can mend into a message and status 2."""
    from appliance.config import ConfigurationInvalid
    from appliance.first_run import DataDirectoryUnusable
    from appliance.rules_shell import RulesShellError
    from detections.errors import DetectionError
    from pipeline.errors import PipelineError

    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except (
        ConfigurationInvalid,
        DataDirectoryUnusable,
        DetectionError,
        PipelineError,
        RulesShellError,
    ) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _run(config: Path | None, data_dir: Path | None, port_offset: int | None, work: Work) -> None:
    """Do it with the configured product."""
    import asyncio

    from appliance.config import load_configuration
    from appliance.first_run import prepare
    from appliance.rules_shell import RulesShell

    with _explained():
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        shell = RulesShell(found, prepare(found.data_dir), sys.stdout, sys.stderr)
        status = asyncio.run(work(shell))
    raise typer.Exit(status)


def _run_on_data(
    config: Path | None,
    data_dir: Path | None,
    port_offset: int | None,
    days: int,
    work: DataWork,
) -> None:
    """Do it with the rules of the configured product and its data of some days."""
    import asyncio

    from appliance.config import load_configuration
    from appliance.first_run import prepare
    from appliance.rules_data_shell import RulesDataShell

    with _explained():
        found = load_configuration(config, data_dir=data_dir, port_offset=port_offset)
        shell = RulesDataShell(found, prepare(found.data_dir), days, sys.stdout, sys.stderr)
        status = asyncio.run(work(shell))
    raise typer.Exit(status)


def _settings(config: Path | None, data_dir: Path | None) -> "DetectionSettings":
    """The detectors' settings of the configured product."""
    from appliance.config import load_configuration
    from appliance.roles import detection_settings

    return detection_settings(load_configuration(config, data_dir=data_dir, port_offset=None))


@rules_app.command("test")
def rules_test(
    paths: Paths = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Run the tests beside rules (NAME.tests.yml); status 1 if one fails, and why."""
    from appliance.rule_files import say_tests

    with _explained():
        status = say_tests(paths or [], _settings(config, data_dir), sys.stdout)
    raise typer.Exit(status)


@rules_app.command("check")
def rules_check(
    paths: Paths = None,
    at_least: Annotated[Least, typer.Option(help="Pass over what is less severe.")] = Least.MEDIUM,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """What loader and pySigma's validators say against rules; status 1 if anything."""
    from appliance.rule_files import say_issues

    with _explained():
        settings = _settings(config, data_dir)
        status = say_issues(paths or [], settings, at_least.value, sys.stdout, as_json=as_json)
    raise typer.Exit(status)


@rules_app.command("convert")
def rules_convert(
    target: Annotated[str, typer.Option(help="A pySigma backend, for example splunk.")],
    paths: Paths = None,
    output_format: Annotated[
        str, typer.Option("--format", help="One of the backend's formats.")
    ] = "default",
    pipeline: Annotated[
        list[str] | None,
        typer.Option(help="A pySigma pipeline: file, directory or name; once or more."),
    ] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Rules as queries of another system, by a pySigma backend that is installed."""
    from appliance.rule_files import say_converted

    with _explained():
        settings = _settings(config, data_dir)
        status = say_converted(
            paths or [], settings, target, output_format, pipeline or [], sys.stdout, sys.stderr
        )
    raise typer.Exit(status)


@rules_app.command("import")
def rules_import(
    source: Annotated[Path, typer.Argument(help="A directory, a git checkout or a zip.")],
    into: Annotated[str | None, typer.Option(help="Its name; default: the source's.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; write nothing.")] = False,
    days: Days = 30,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """Take rules of others in, whole or not at all, and say what your data can feed."""
    _run_on_data(
        config,
        data_dir,
        port_offset,
        days,
        lambda shell: shell.import_rules(source, into, dry_run=dry_run, as_json=as_json),
    )


@rules_app.command("coverage")
def rules_coverage(
    navigator: Annotated[
        Path | None, typer.Option(help="Write a layer for the ATT&CK Navigator there.")
    ] = None,
    days: Days = 30,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """The ATT&CK techniques that rules in force look for, and for which there is data."""
    _run_on_data(
        config,
        data_dir,
        port_offset,
        days,
        lambda shell: shell.coverage(navigator, as_json=as_json),
    )


@rules_app.command("hunt")
def rules_hunt(
    rule: Annotated[str, typer.Argument(help="Its id, or a Sigma file.")],
    since: Since = "-24h",
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL; ask nothing.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """The stored events that a rule finds, newest first, one JSON line each."""
    _run(config, data_dir, port_offset, lambda shell: shell.hunt(rule, since, only_sql=sql))


@rules_app.command("parity")
def rules_parity(
    rule: Annotated[str, typer.Argument(help="Its id, or a Sigma file.")],
    since: Since = "-1h",
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """Hold a rule against the log and against the store; status 1 where they differ."""
    _run(config, data_dir, port_offset, lambda shell: shell.parity(rule, since, as_json=as_json))


@rules_app.command("backtest")
def rules_backtest(
    rules: Annotated[list[str] | None, typer.Argument(help="Ids or Sigma files.")] = None,
    disabled: Annotated[bool, typer.Option(help="All rules that are switched off.")] = False,
    since: Since = "-7d",
    one_in: Annotated[int, typer.Option(min=1, help="Look at every so many-th event.")] = 1,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
    port_offset: PortOffset = None,
) -> None:
    """What rules would have said of the log's events: how often, of whom, at what cost."""
    _run(
        config,
        data_dir,
        port_offset,
        lambda shell: shell.backtest(
            rules or [], since, disabled=disabled, one_in=one_in, as_json=as_json
        ),
    )
