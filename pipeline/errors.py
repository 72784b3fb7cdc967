"""What can go wrong with outside data and outside services.

PipelineError
├── UndecodableRecord    a record's value is not what its topic holds; it goes to dead-letter
├── MessageRejected      an outside message broke a limit; counted, its head kept
├── BusUnavailable       the log did not acknowledge in time; retriable
├── BusRefused           the log refused for good (authorization, too large); not retriable
│   └── PartitionLost    the group gave the partition to another member; let go of it
├── StoreUnavailable     the store did not answer; retriable
├── StoreRefused         the store answered with an error of its own
└── QueryInvalid         what an analyst typed cannot be read
"""

from collections.abc import Sequence


class PipelineError(Exception):
    """Any failure of the data plane that somebody outside it may hear about."""


class UndecodableRecord(PipelineError):
    """A record's value is not what its topic holds."""


class MessageRejected(PipelineError):
    """An outside message broke a limit."""


class BusUnavailable(PipelineError):
    """The log did not acknowledge in time; trying again may help.

    Attributes:
        unacknowledged: Which records of a publish call, by their index in it; all others of the
            call were acknowledged. Empty where that is not known.
    """

    def __init__(self, message: str, *, unacknowledged: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.unacknowledged = tuple(unacknowledged)


class BusRefused(PipelineError):
    """The log refused for good; trying again does not help.

    Attributes:
        refused: Which records of a publish call, by their index in it; all others of the call
            were acknowledged. Empty where no call with records is at fault.
    """

    def __init__(self, message: str, *, refused: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.refused = tuple(refused)


class PartitionLost(BusRefused):
    """The group gave the partition to another member: what is under way there is not ours."""


class StoreUnavailable(PipelineError):
    """The store did not answer; trying again may help."""


class StoreRefused(PipelineError):
    """The store answered with an error of its own.

    Attributes:
        code: ClickHouse's error number, 0 if it gave none.
    """

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class QueryInvalid(PipelineError):
    """What an analyst typed cannot be read.

    Attributes:
        position: Where in the text, in characters from 0.
    """

    def __init__(self, message: str, *, position: int = 0) -> None:
        super().__init__(message)
        self.position = position
