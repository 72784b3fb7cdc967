"""What can go wrong with rules, as values: loading never fails as a whole.

DetectionError
├── RuleRejected       a rule cannot be evaluated as written; becomes a RuleProblem
├── RuleTestsInvalid   a file of rule tests says what cannot be meant; becomes a RuleProblem
├── BackendUnusable    a query language cannot be written; says which package would help
├── ImportRefused      what was given cannot be imported; nothing of it was
├── SqlImpossible      a rule asks for something that ClickHouse cannot be asked
└── LogSourceInvalid   ``--logsource`` names a key that Sigma does not have
"""

import msgspec


class DetectionError(Exception):
    """Any failure of the detectors that a person may hear about."""


class RuleRejected(DetectionError):
    """A rule cannot be evaluated as written; the message says what was found and why."""


class RuleTestsInvalid(DetectionError):
    """A file of rule tests says what cannot be meant.

    Attributes:
        line: Where, from 1.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class BackendUnusable(DetectionError):
    """A backend is not installed or cannot do what is asked; the message says what would help."""


class ImportRefused(DetectionError):
    """What was given cannot be imported, and nothing of it was; the message says why."""


class SqlImpossible(DetectionError):
    """ClickHouse cannot be asked what a rule asks; the message says what."""


class LogSourceInvalid(DetectionError):
    """A log source given by hand names a key other than product, category and service."""


class RuleProblem(msgspec.Struct, frozen=True, kw_only=True, tag="problem"):
    """A file, or one document of it, that gives no rule.

    Attributes:
        path: The file.
        line: Where in it, from 1; the line of the document where nothing better is known.
        reason: What was found and what would have been right.
        rule_id: The rule's id, where it could be read; else empty.
        title: The rule's title, where it could be read; else empty.
    """

    path: str
    line: int
    reason: str
    rule_id: str = ""
    title: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"
