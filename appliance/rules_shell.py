"""``tocsin rules``: what rules find and would have found, asked of the running product."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from appliance.config import Configuration
from appliance.first_run import Secrets
from appliance.roles import bus_of, detection_settings, pipeline_of
from detections.backtest import Backtest, BacktestReport
from detections.compiler import Rule
from detections.correlation.definition import Correlation
from detections.history import History, ranges_since
from detections.hunt import hunt
from detections.parity import Parity, check_parity
from detections.rule_set import RuleSet, load
from detections.rule_watch import directories_of, processing_of
from pipeline.bus.admin import Admin
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.errors import QueryInvalid
from pipeline.schema.codec import encode_event
from pipeline.schema.topics import EVENTS_LOG
from pipeline.sinks.role import CLICKHOUSE_GROUP
from pipeline.store.client import StoreClient
from pipeline.store.queries.span import Span
from web.database.engine import Database
from web.hunting import hunted, ids_in_range
from web.investigate import AHEAD, parse_time
from web.rulebook import switches

PROGRESS_EVENTS = 20_000


class RulesShellError(Exception):
    """What was asked for cannot be done; the text says why and what would help."""


def switched_off(configuration: Configuration) -> frozenset[str]:
    """Ids of the rules and correlations that an operator has switched off."""
    database = Database(configuration.web.database_url)
    try:
        database.migrate()  # nothing of ours may have run yet
        found = switches(database)
        return frozenset(id for id, switch in found.items() if not switch.enabled)
    finally:
        database.close()


class RulesShell:
    """The product as its rules see it.

    Args:
        configuration: Where log, store and console's database are.
        secrets: To sign in.
        out: What was asked for.
        err: Progress, and what a person should know besides.
    """

    def __init__(
        self, configuration: Configuration, secrets: Secrets, out: TextIO, err: TextIO
    ) -> None:
        self._configuration = configuration
        self._bus = bus_of(configuration, secrets, "admin")
        self._store = pipeline_of(configuration, secrets, "admin", reader=True).store
        self._settings = detection_settings(configuration)
        self._out = out
        self._err = err

    async def hunt(self, name: str, since: str, *, only_sql: bool) -> int:
        """Print the stored events that a rule finds, or how they are asked for."""
        _, rule = self._rule(name)
        question = hunt(rule)
        for note in question.notes:
            self._err.write(f"{note}\n")
        if only_sql:
            self._out.write(question.select({"id": "toString(id)"}, "true") + "\n")
            self._out.write(msgspec.json.encode(question.parameters).decode() + "\n")
            return 0
        now = datetime.now(UTC)
        async with StoreClient(self._store) as store:
            found = await hunted(store, question, Span(self._time(since), now + AHEAD))
        for stored in found:
            self._out.write(encode_event(stored.event).decode() + "\n")
        self._err.write(f"{len(found)} events\n")
        return 0

    async def parity(self, name: str, since: str, *, as_json: bool) -> int:
        """Print whether stream and store agree about a rule; 1 if they do not."""
        _, rule = self._rule(name)
        history = History(self._bus, await self._stored_ranges(since))
        async with StoreClient(self._store) as store:
            found = await check_parity(rule, history, lambda *asked: ids_in_range(store, *asked))
        if as_json:
            self._out.write(msgspec.json.encode(found).decode() + "\n")
        else:
            self._print_parity(rule, found)
        return 0 if found.holds else 1

    async def backtest(
        self, names: Sequence[str], since: str, *, disabled: bool, one_in: int, as_json: bool
    ) -> int:
        """Print what rules would have said since then."""
        rule_set, chosen = self._chosen(names, disabled=disabled)
        history = History(self._bus, await self._ranges(since))
        backtest = Backtest(rule_set, chosen, self._settings, keep_one_in=one_in)
        seen = told = 0
        now = datetime.now(UTC)
        async for page in history.pages():
            backtest.add(page, observed_time=now)
            seen += len(page)
            if seen - told >= PROGRESS_EVENTS:
                told = seen
                self._err.write(f"{seen} of at most {history.records} events\n")
        report = backtest.report()
        if as_json:
            document = {"covered": history.named(), "report": msgspec.to_builtins(report)}
            self._out.write(msgspec.json.encode(document).decode() + "\n")
        else:
            self._print_backtest(report, history)
        return 0

    def _rules(self) -> RuleSet:
        return load(
            directories_of(self._settings),
            processing=processing_of(self._settings).read(),
            cache_directory=self._settings.cache_directory,
        )

    def _rule(self, name: str) -> tuple[RuleSet, Rule]:
        """A rule by its id, name or file.

        Raises:
            RulesShellError: There is none, or it is a correlation.
        """
        processing = processing_of(self._settings).read()
        is_file = Path(name).is_file()
        rule_set = load([Path(name)], processing=processing) if is_file else self._rules()
        for rule in rule_set.rules:
            if name in (rule.id, rule.name) or is_file:
                return rule_set, rule
        for problem in rule_set.problems[:1]:
            if Path(name).is_file():
                raise RulesShellError(str(problem))
        if any(name in (one.id, one.name) for one in rule_set.correlations):
            raise RulesShellError(f"{name} is a correlation; only rules can be asked so.")
        raise RulesShellError(f"No rule {name} is loaded, and there is no such file.")

    def _chosen(self, names: Sequence[str], *, disabled: bool) -> tuple[RuleSet, frozenset[str]]:
        """The rules that are loaded with those of files among the names, and which were meant.

        Raises:
            RulesShellError: One of them is nowhere, or none was named.
        """
        files = [Path(name) for name in names if Path(name).is_file()]
        loaded = load(
            [*directories_of(self._settings), *files],
            processing=processing_of(self._settings).read(),
            cache_directory=self._settings.cache_directory,
        )
        every: list[Rule | Correlation] = [*loaded.rules, *loaded.correlations]
        paths = set(map(str, files))
        wanted = set(names) - paths
        chosen = {one.id for one in every if one.path in paths or {one.id, one.name} & wanted}
        missing = wanted - {known for one in every for known in (one.id, one.name)}
        if missing:
            name = min(missing)
            raise RulesShellError(f"No rule {name} is loaded, and there is no such file.")
        if disabled:
            off = switched_off(self._configuration)
            chosen |= {one.id for one in every if one.id in off}
        if not chosen:
            raise RulesShellError("No rule was named, and none is switched off.")
        return loaded, frozenset(chosen)

    def _time(self, text: str) -> datetime:
        try:
            return parse_time(text, datetime.now(UTC))
        except QueryInvalid as error:
            raise RulesShellError(f"--since: {error}") from error

    async def _ranges(self, since: str) -> dict[TopicPartition, OffsetRange]:
        """What the log holds since then."""
        return await ranges_since(self._bus, EVENTS_LOG, self._time(since))

    async def _stored_ranges(self, since: str) -> dict[TopicPartition, OffsetRange]:
        """What the log holds since then and the sinks have stored."""
        stored = await Admin(self._bus).committed(CLICKHOUSE_GROUP)
        ranges = await self._ranges(since)
        return {
            at: OffsetRange(span.start, min(span.end, stored[at].offset))
            for at, span in ranges.items()
            if at in stored
        }

    def _print_parity(self, rule: Rule, found: Parity) -> None:
        out = self._out
        out.write(f"{rule.title} ({found.rule_id}, revision {found.revision})\n")
        for partition, (start, end) in sorted(found.covered.items()):
            out.write(f"  {partition}: offsets {start} to {end - 1}\n")
        out.write(f"  {found.events} events, of which the engine matches {found.matches}\n")
        for said, ids in (
            ("found by the engine only", found.only_engine),
            ("found by the store only", found.only_store),
            ("explained otherwise than decided", found.unexplained),
        ):
            for id in ids:
                out.write(f"  {said}: {id}\n")
        for note in found.notes:
            out.write(f"  {note}\n")
        verdict = "equal" if found.holds else f"{found.differences} differences"
        out.write(f"  stream and store: {verdict}\n")

    def _print_backtest(self, report: BacktestReport, history: History) -> None:
        out = self._out
        for partition, (start, end) in history.named().items():
            out.write(f"{partition}: offsets {start} to {end - 1}\n")
        sample = f", a sample of {report.share:.2%}" if report.is_sample else ""
        out.write(
            f"{report.events} events looked at{sample};"
            f" {report.cpu_us_per_event} microseconds each\n"
        )
        for rule in report.rules:
            out.write(f"{rule.alerts:>8}  {rule.level:<13}  {rule.title} ({rule.rule_id})\n")
            for day, alerts in rule.by_day.items():
                out.write(f"{'':>10}{day}: {alerts}\n")
            for group, alerts in rule.top if rule.alerts else ():
                out.write(f"{'':>10}{alerts} of {group or 'nobody in particular'}\n")
