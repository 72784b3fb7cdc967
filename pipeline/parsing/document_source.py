"""DocumentSource: one log source of JSON documents, declared as data.

What tells its documents apart, where they keep who, whence and what, and what else they need.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE
from pipeline.schema.flatten import flatten

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSource:
    """A log source whose records are JSON documents.

    Attributes:
        log_source: Where its events belong; ``refine`` may say it more exactly.
        name: A top-level name that all its documents have.
        recognises: Whether a document that has the name is really one of these.
        ecs: ECS names and the flat names their values are taken from, best first.
        message: The flat names that, joined, tell a person what happened.
        refine: Adds what a table cannot say.
    """

    log_source: LogSource
    name: str
    recognises: Callable[[Document], bool]
    ecs: Mapping[str, tuple[str, ...]]
    message: tuple[str, ...]
    refine: Callable[[dict[str, Value]], None] | None = None

    def parse(self, document: Document) -> dict[str, Value]:
        """The flat fields of a document with log source, ECS names and message."""
        fields = flatten(document)
        fields.update(self.log_source.fields)
        for ecs, names in self.ecs.items():
            for name in names:
                value = fields.get(name)
                if value is not None and value != "":
                    fields[ecs] = value[0] if isinstance(value, list) else value
                    break
        if self.refine is not None:
            self.refine(fields)
        if not isinstance(fields.get(MESSAGE), str):
            told = (fields.get(name) for name in self.message)
            fields[MESSAGE] = " ".join(str(value) for value in told if value is not None)
        return fields


def has(*names: str) -> Callable[[Document], bool]:
    """A test that a document has all of these top-level names."""
    return lambda document: all(name in document for name in names)
