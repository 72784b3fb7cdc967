"""``tocsin rules import`` and ``coverage``: rules held against the data that is there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

import msgspec

from appliance.config import Configuration
from appliance.first_run import Secrets
from appliance.roles import detection_settings, pipeline_of
from appliance.rules_shell import RulesShellError, switched_off
from detections.compiler import Rule
from detections.coverage import Coverage, coverage, navigator_layer
from detections.data_seen import DataSeen, Lacking
from detections.import_source import read_source
from detections.rule_import import ImportReport, import_rules, name_for
from detections.rule_set import RuleSet, load
from detections.rule_watch import directories_of, processing_of
from pipeline.errors import PipelineError
from pipeline.store.client import StoreClient
from pipeline.store.queries.span import Span
from web.data_seen import data_seen
from web.investigate import AHEAD

SHOWN = 20


class RulesDataShell:
    """The product as what its rules need sees it.

    Args:
        configuration: Where rules and store are.
        secrets: To sign in.
        days: How far back the data is looked at.
        out: What was asked for.
        err: What a person should know besides.
    """

    def __init__(
        self,
        configuration: Configuration,
        secrets: Secrets,
        days: int,
        out: TextIO,
        err: TextIO,
    ) -> None:
        self._home = configuration.data_dir
        self._configuration = configuration
        self._settings = detection_settings(configuration)
        self._store = pipeline_of(configuration, secrets, "admin", reader=True).store
        self._processing = processing_of(self._settings).read()
        self._days = days
        self._out = out
        self._err = err

    async def import_rules(
        self, source: Path, into: str | None, *, dry_run: bool, as_json: bool
    ) -> int:
        """Import rules and print what they give."""
        name = into or name_for(source)
        found = read_source(source)
        report = import_rules(
            found,
            self._home,
            name,
            seen=await self._seen(),
            known=self._known_besides(self._home / "rules" / name),
            now=datetime.now(UTC),
            dry_run=dry_run,
            loader=partial(load, processing=self._processing),
        )
        if as_json:
            self._out.write(msgspec.json.encode(_document(report)).decode() + "\n")
        else:
            self._print_import(report, dry_run=dry_run)
        return 0

    async def coverage(self, navigator: Path | None, *, as_json: bool) -> int:
        """Print the techniques that rules in force look for; write them as a layer, if wanted."""
        seen = await self._seen()
        found = coverage(self._rules(), disabled=switched_off(self._configuration), seen=seen)
        if navigator is not None:
            against = f"the data of {self._days} days" if seen else "no data, which was not asked"
            described = f"Rules in force by technique, held against {against}; {_today()}."
            self._write_layer(navigator, navigator_layer(found, name="Tocsin", described=described))
        if as_json:
            self._out.write(msgspec.json.encode(found).decode() + "\n")
        else:
            self._print_coverage(found)
        return 0

    async def _seen(self) -> DataSeen | None:
        """What the data has; None, and why, if the store cannot be asked."""
        now = datetime.now(UTC)
        try:
            async with StoreClient(self._store) as store:
                return await data_seen(store, Span(now - timedelta(days=self._days), now + AHEAD))
        except PipelineError as error:
            self._err.write(f"What the data has is not known: {error}\n")
            return None

    def _rules(self) -> RuleSet:
        return load(
            directories_of(self._settings),
            processing=self._processing,
            cache_directory=self._settings.cache_directory,
        )

    def _known_besides(self, place: Path) -> Mapping[str, str]:
        """Ids of the rules that do not lie there, with their files."""
        rules = self._rules()
        every = [(one.id, one.path) for one in rules.rules]
        every += [(one.id, one.path) for one in rules.correlations]
        return {id: path for id, path in every if not Path(path).is_relative_to(place)}

    def _write_layer(self, path: Path, layer: Mapping[str, object]) -> None:
        try:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(layer)) + b"\n")
        except OSError as error:
            raise RulesShellError(f"{path} cannot be written: {error.strerror}") from error
        self._err.write(f"Layer written: {path}\n")

    def _print_coverage(self, found: Coverage) -> None:
        known = any(one.ready is not None for one in found.techniques)
        for one in found.techniques:
            data = f"  {one.ready:>4} with data" if one.ready is not None else ""
            lacks = f"  never seen: {', '.join(one.unseen[:3])}" if one.ready == 0 else ""
            self._out.write(f"{one.id:<10} {len(one.rules):>4} rules{data}{lacks.rstrip(': ')}\n")
        of_these = f", {found.with_data} of them with data of {self._days} days" if known else ""
        self._out.write(
            f"{len(found.techniques)} techniques{of_these};"
            f" {found.untagged} rules name no technique\n"
        )
        self._print_list(
            "Log sources that would give techniques data which have none:",
            [f"{count:>4}  {source}" for source, count in found.wanted],
        )

    def _print_import(self, report: ImportReport, *, dry_run: bool) -> None:
        source, rules = report.source, report.rule_set
        at = f", commit {source.revision[:12]}" if source.revision else ""
        self._out.write(f"{source.origin}{at}\n")
        self._out.write(
            f"{len(rules.rules)} rules and {len(rules.correlations)} correlations loaded"
            f" from {len(source.files)} files\n"
        )
        if report.lacking is None:
            self._out.write("What they need was not held against your data.\n")
        else:
            self._print_lacking(report, report.lacking)
        self._print_list(
            f"{len(report.problems)} unsupported:", [str(one) for one in report.problems]
        )
        self._print_list(
            f"{len(report.taken)} have the id of a rule elsewhere:",
            [f"{rule.title} ({rule.id}): {path}" for rule, path in report.taken],
        )
        for number, what in (
            (source.other, "other files"),
            (source.links, "symbolic links"),
        ):
            if number:
                self._out.write(f"{number} {what} left out\n")
        before = "in place of the import before, which is kept" if report.replaced else "new"
        done = "Nothing was written (--dry-run)" if dry_run else f"Imported, {before}"
        self._out.write(f"{done}: {self._home / 'rules' / report.name}\n")

    def _print_lacking(self, report: ImportReport, lacking: Sequence[tuple[Rule, Lacking]]) -> None:
        self._out.write(
            f"{report.ready} rules can match what the data of the last {self._days} days has\n"
        )
        unseen = Counter(rule.log_source.in_words() for rule, lack in lacking if not lack.fields)
        self._print_list(
            f"{unseen.total()} are for log sources that it does not have:",
            [f"{count:>6}  {said}" for said, count in unseen.most_common()],
        )
        short = [(rule, lack) for rule, lack in lacking if lack.fields]
        self._print_list(
            f"{len(short)} need fields that it does not have:",
            [f"{rule.title} ({rule.id}): {', '.join(lack.fields)}" for rule, lack in short],
        )

    def _print_list(self, head: str, lines: Sequence[str]) -> None:
        """A heading with what it is about; nothing at all if that is nothing."""
        if lines:
            shown: Iterable[str] = islice(lines, SHOWN)
            self._out.write(f"{head}\n" + "".join(f"  {line}\n" for line in shown))
            if len(lines) > SHOWN:
                self._out.write(f"  and {len(lines) - SHOWN} more; --json has all\n")


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _document(report: ImportReport) -> dict[str, object]:
    """A report as JSON."""
    lacking = report.lacking
    return {
        "name": report.name,
        "origin": report.source.origin,
        "revision": report.source.revision,
        "files": len(report.source.files),
        "rules": len(report.rule_set.rules),
        "correlations": len(report.rule_set.correlations),
        "ready": None if lacking is None else report.ready,
        "lacking": None
        if lacking is None
        else [
            {
                "rule": rule.id,
                "title": rule.title,
                "log_source": rule.log_source.in_words(),
                "fields": list(lack.fields),
            }
            for rule, lack in lacking
        ],
        "unsupported": [msgspec.to_builtins(problem) for problem in report.problems],
        "id_elsewhere": [{"rule": rule.id, "path": path} for rule, path in report.taken],
        "left_out": {"files": report.source.other, "links": report.source.links},
        "replaced": report.replaced,
    }
