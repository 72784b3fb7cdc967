"""The detector in force: made from rule directories, made anew when their files change.

A change takes effect between two events, whole or not at all: a directory that cannot be read
leaves the rules as they were loaded (with its problem named), never none. While placeholders or
pipelines cannot be read, those that could be last stay in force.
"""

import asyncio
from contextlib import suppress
from itertools import chain
from pathlib import Path

import structlog
from watchfiles import awatch

from detections.detector import Detector
from detections.metrics import PROBLEMS, RULES
from detections.processing import Processing, ProcessingSources
from detections.rule_set import SHIPPED_RULES, RuleSet, load, rule_files
from detections.settings import DetectionSettings

log = structlog.get_logger()

# More problems than this are counted, not named, in the log; the console names all.
_NAMED_PROBLEMS = 50
_LOOK_MS = 5_000


def directories_of(settings: DetectionSettings) -> list[Path]:
    """Where rules come from, those we ship first, so that a site's own replace them."""
    return [*((SHIPPED_RULES,) if settings.shipped_rules else ()), *settings.rule_directories]


def processing_of(settings: DetectionSettings) -> ProcessingSources:
    """Where placeholders and pipelines come from."""
    return ProcessingSources(
        placeholders=settings.placeholders,
        placeholder_files=settings.placeholder_files,
        pipelines=settings.pipelines,
    )


class RuleWatch:
    """Holds the detector in force. For the loop; loading is done in a thread."""

    def __init__(self, settings: DetectionSettings) -> None:
        self._settings = settings
        self._directories = directories_of(settings)
        self._sources = processing_of(settings)
        self._processing: Processing | None = None
        self._detector: Detector | None = None
        self._files: frozenset[tuple[str, int, int]] = frozenset()

    @property
    def detector(self) -> Detector:
        """The detector in force; ``load`` comes first."""
        assert self._detector is not None, "loaded"
        return self._detector

    async def load(self) -> None:
        """Read the rules; from the return on they are in force."""
        # Taken before reading, so that what changes meanwhile is read again.
        self._files = await asyncio.to_thread(self._fingerprint)
        rule_set = await asyncio.to_thread(self._read)
        fresh = await asyncio.to_thread(Detector, rule_set, self._settings)
        self._detector = fresh
        RULES.labels(kind="rule").set(len(rule_set.rules))
        RULES.labels(kind="correlation").set(len(rule_set.correlations))
        PROBLEMS.set(len(rule_set.problems))
        for problem in rule_set.problems[:_NAMED_PROBLEMS]:
            log.warning(
                "rule_rejected", path=problem.path, line=problem.line, reason=problem.reason
            )
        log.info(
            "rules_loaded",
            rules=len(rule_set.rules),
            correlations=len(rule_set.correlations),
            problems=len(rule_set.problems),
        )

    async def follow(self) -> None:
        """Load again whenever files below the directories change; until cancelled.

        The system's notice makes it quick, a look at the files every few seconds makes it sure:
        for what changed before the watch began, for directories that did not exist yet and for
        file systems that give no notice.
        """
        given = [*self._directories, *self._sources.places()]
        watched = [path for path in given if path.exists()] or [SHIPPED_RULES]
        async for _ in awatch(*watched, rust_timeout=_LOOK_MS, yield_on_timeout=True):
            if await asyncio.to_thread(self._fingerprint) != self._files:
                await self.load()

    def _fingerprint(self) -> frozenset[tuple[str, int, int]]:
        """Every file that rules depend on, with its size and time of change."""
        found = set()
        rules = (path for directory in self._directories for path in rule_files(directory))
        for path in chain(rules, self._sources.files()):
            with suppress(OSError):
                status = path.stat()
                found.add((str(path), status.st_size, status.st_mtime_ns))
        return frozenset(found)

    def _read(self) -> RuleSet:
        self._processing = self._sources.read().or_last(self._processing)
        return load(
            self._directories,
            processing=self._processing,
            cache_directory=self._settings.cache_directory,
            max_file_bytes=self._settings.max_rule_file_bytes,
        )
