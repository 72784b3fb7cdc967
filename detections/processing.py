"""What a site puts in between its rules and their evaluation: placeholder values and pipelines.

Placeholders come from the settings and from YAML files that map a name to a value or a list of
them; values are Sigma strings, so ``srv*`` has a wildcard. Pipelines are pySigma's: a YAML file, a
directory of them, or the name of one that an installed package brings. All are applied to every
rule, the lowest priority first, as given where it is the same. What cannot be read is a problem
with file, line and reason, and is left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

import yaml
from sigma.exceptions import SigmaError
from sigma.pipelines.base import Pipeline
from sigma.processing.pipeline import ProcessingPipeline

from detections.errors import RuleProblem

_MAX_FILE_BYTES = 1 << 20
_SUFFIXES = (".yml", ".yaml")
_PER_ITEM = re.compile(r"Error in processing rule (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What was read.

    Attributes:
        placeholders: Values by the name of their placeholder.
        pipeline: Every pipeline in one; None: there is none.
        digest: Of all that; another one may give other rules. Empty where nothing is configured.
        problems: What could not be read.
    """

    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pipeline: ProcessingPipeline | None = None
    digest: str = ""
    problems: tuple[RuleProblem, ...] = ()

    def or_last(self, last: "Processing | None") -> "Processing":
        """What stays in force where this one has problems: the last, if any, with these named."""
        if last is None or not self.problems:
            return self
        return replace(last, problems=self.problems)


UNPROCESSED = Processing()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingSources:
    """Where it is read from.

    Attributes:
        placeholders: Values given in the settings; a file's replace them. A list of none is no
            value: the rule would lose the item.
        placeholder_files: YAML files of more; a later one replaces what an earlier one says.
        pipelines: Files, directories or names of pipelines.
    """

    placeholders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    placeholder_files: Sequence[Path] = ()
    pipelines: Sequence[str] = ()

    def read(self) -> Processing:
        """All of it; never fails as a whole."""
        reading = _Reading()
        reading.note(repr(sorted(self.placeholders.items())) if self.placeholders else "")
        placeholders = {name: values for name, values in self.placeholders.items() if values}
        for path in self.placeholder_files:
            placeholders.update(reading.placeholders(path))
        pipelines = [one for given in self.pipelines for one in reading.pipelines(given)]
        pipelines.sort(key=lambda one: one.priority)
        return Processing(
            placeholders=placeholders,
            pipeline=sum(pipelines[1:], pipelines[0]) if pipelines else None,
            digest=reading.digest,
            problems=tuple(reading.problems),
        )

    def places(self) -> list[Path]:
        """The files and directories that it names, whether or not they are there."""
        return [*self.placeholder_files, *map(Path, self.pipelines)]

    def files(self) -> list[Path]:
        """Every file that it is read from, as they are now."""
        return [file for path in self.places() for file in _files(path)]


NO_PROCESSING = ProcessingSources()


class _Reading:
    """Reads files, notes what they held and what was wrong with them."""

    def __init__(self) -> None:
        self.problems: list[RuleProblem] = []
        self._noted = sha256()
        self._is_noted = False

    @property
    def digest(self) -> str:
        return self._noted.hexdigest() if self._is_noted else ""

    def note(self, what: str) -> None:
        """Let the digest depend on it."""
        if what:
            self._is_noted = True
            self._noted.update(sha256(what.encode("utf-8", "surrogatepass")).digest())

    def placeholders(self, path: Path) -> dict[str, tuple[str, ...]]:
        text = self._text(path)
        if text is None:
            return {}
        try:
            found = yaml.safe_load(text)
            if not isinstance(found, dict):
                raise ValueError("a mapping of placeholder names to values is expected")
            return {str(name): _values(name, value) for name, value in found.items()}
        except yaml.YAMLError as error:
            self._problem(path, _line(error, text), _not_yaml(error))
        except (ValueError, RecursionError) as error:
            self._problem(path, _line(error, text), str(error))
        return {}

    def pipelines(self, given: str) -> Iterator[ProcessingPipeline]:
        path = Path(given)
        if not path.exists():
            yield from self._named(given)
            return
        for file in _files(path):
            text = self._text(file)
            if text is None:
                continue
            try:
                yield ProcessingPipeline.from_yaml(text, source_path=str(file))
            except yaml.YAMLError as error:
                self._problem(file, _line(error, text), _not_yaml(error))
            except (SigmaError, ValueError, RecursionError) as error:
                self._problem(file, _line(error, text), f"processing pipeline: {error}")
            except (TypeError, AttributeError, LookupError) as error:
                reason = f"not a processing pipeline: {type(error).__name__}: {error}"
                self._problem(file, 1, reason)

    def _named(self, name: str) -> Iterator[ProcessingPipeline]:
        """A pipeline that an installed package has under that name."""
        found = _installed()
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            reason = f"no file and no installed processing pipeline has this name; known: {known}"
            self._problem(Path(name), 1, reason)
            return
        versions = sorted(
            f"{one.name} {one.version}"
            for one in distributions()
            if one.name.lower().startswith("pysigma")
        )
        self.note(f"{name}: {versions}")
        yield found[name]()

    def _text(self, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
            if len(content) > _MAX_FILE_BYTES:
                raise ValueError(f"more than {_MAX_FILE_BYTES} bytes")
            text = content.decode()
        except (OSError, ValueError) as error:
            self._problem(path, 1, f"cannot be read: {error}")
            return None
        self.note(f"{path}: {text}")
        return text

    def _problem(self, path: Path, line: int, reason: str) -> None:
        self.problems.append(RuleProblem(path=str(path), line=line, reason=reason))


def _installed() -> Mapping[str, Callable[[], ProcessingPipeline]]:
    """The pipelines of installed packages by name; imports these packages.

    In pySigma 1.5.1 all pipelines made by its decorator are one object, so that each name means
    the one imported last; while they are imported, each is made an object of its own.
    """
    from sigma.plugins import InstalledSigmaPlugins  # half a second

    shared = Pipeline.__new__
    Pipeline.__new__ = lambda cls, *_, **__: object.__new__(cls)  # type: ignore[method-assign]
    try:
        return InstalledSigmaPlugins.autodiscover(
            include_backends=False, include_validators=False
        ).pipelines
    finally:
        Pipeline.__new__ = shared  # type: ignore[method-assign]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES and one.is_file())


def _values(name: object, written: object) -> tuple[str, ...]:
    values = written if isinstance(written, list) else [written]
    if not values or not all(isinstance(one, str | int) for one in values):
        raise ValueError(f"the placeholder {name!r} wants a text, or a list of at least one")
    return tuple(map(str, values))


def _not_yaml(error: yaml.YAMLError) -> str:
    return f"not YAML: {getattr(error, 'problem', None) or error}"


def _line(error: Exception, text: str) -> int:
    """Where in a file an error is, from 1."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    if (quoted := re.search(r"'([^']+)'", str(error))) and (at := text.find(quoted[1])) >= 0:
        return text.count("\n", 0, at) + 1
    if found := _PER_ITEM.search(str(error)):
        return _line_of_item(text, int(found[1]) - 1)
    return 1


def _line_of_item(text: str, index: int) -> int:
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "a pipeline had items"
    items = next(value for key, value in root.value if key.value == "transformations")
    return int(items.value[index].start_mark.line) + 1
