"""What the embedded store answers when it does not do what it was asked.

EngineError            ClickHouse's own error: number, name and text
├── Refused            we refuse, under ClickHouse's number for it
│   ├── Busy           202  too many statements at a time; trying again helps
│   └── BodyRefused         the body cannot be read, is too large or came too slowly
└── ClientGone          -   nobody is left to answer
"""

import re
from typing import ClassVar

AUTHENTICATION_FAILED = 516
REQUIRED_PASSWORD = 194
READONLY = 164
SYNTAX_ERROR = 62
BAD_ARGUMENTS = 36
NOT_IMPLEMENTED = 48
TOO_MANY_SIMULTANEOUS_QUERIES = 202
UNKNOWN_SETTING = 115
QUERY_WAS_CANCELLED = 394
CANNOT_DECOMPRESS = 271
TOO_LARGE = 307
SOCKET_TIMEOUT = 209
FUNCTION_NOT_ALLOWED = 446
NOT_ENOUGH_SPACE = 243

_NAMES = {
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
    REQUIRED_PASSWORD: "REQUIRED_PASSWORD",
    READONLY: "READONLY",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    QUERY_WAS_CANCELLED: "QUERY_WAS_CANCELLED",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    TOO_LARGE: "TOO_MANY_BYTES",
    SOCKET_TIMEOUT: "SOCKET_TIMEOUT",
    FUNCTION_NOT_ALLOWED: "FUNCTION_NOT_ALLOWED",
    NOT_ENOUGH_SPACE: "NOT_ENOUGH_SPACE",
}

# As ClickHouse's HTTPHandler maps them; what is not here is 500.
_STATUS = {
    REQUIRED_PASSWORD: 401,
    AUTHENTICATION_FAILED: 403,
    READONLY: 403,
    FUNCTION_NOT_ALLOWED: 403,
    NOT_IMPLEMENTED: 501,
    TOO_MANY_SIMULTANEOUS_QUERIES: 503,
    TOO_LARGE: 413,
    SOCKET_TIMEOUT: 408,
    159: 408,  # TIMEOUT_EXCEEDED
    NOT_ENOUGH_SPACE: 507,
    60: 404,  # UNKNOWN_TABLE
    81: 404,  # UNKNOWN_DATABASE
    46: 404,  # UNKNOWN_FUNCTION
    47: 404,  # UNKNOWN_IDENTIFIER
    50: 404,  # UNKNOWN_TYPE
    115: 404,  # UNKNOWN_SETTING
    16: 404,  # NO_SUCH_COLUMN_IN_TABLE
    SYNTAX_ERROR: 400,
    BAD_ARGUMENTS: 400,
    27: 400,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
    53: 400,  # TYPE_MISMATCH
    CANNOT_DECOMPRESS: 400,
    457: 400,  # BAD_QUERY_PARAMETER
    456: 400,  # UNKNOWN_QUERY_PARAMETER
    73: 400,  # UNKNOWN_FORMAT
}

_ENGINE_TEXT = re.compile(r"Code: (\d+)\. (?:DB::(?:Net)?Exception: )?(.*)", re.DOTALL)
_WRAPPERS = re.compile(r"^(?:Streaming query failed: )+")


class EngineError(Exception):
    """A statement failed.

    Attributes:
        code: ClickHouse's error number.
        text: The whole line as ClickHouse words it, without the version.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    @classmethod
    def from_engine(cls, error: BaseException) -> "EngineError":
        """What chDB raised, read back into number and text; 1002 if it gave no number.

        >>> EngineError.from_engine(RuntimeError("Streaming query failed: Code: 60. No.")).code
        60
        """
        text = _WRAPPERS.sub("", str(error)).strip()
        found = _ENGINE_TEXT.search(text)
        return cls(int(found[1]) if found else 1002, text or "the engine gave no reason")

    @property
    def status(self) -> int:
        """The HTTP status that goes with it."""
        return _STATUS.get(self.code, 500)


class Refused(EngineError):
    """We refuse under ClickHouse's number for the reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, f"Code: {code}. DB::Exception: {reason} ({_NAMES[code]})")


class Busy(Refused):
    """Too many statements at a time; trying again helps."""

    retry_after_seconds: ClassVar[int] = 1

    def __init__(self, reason: str) -> None:
        super().__init__(TOO_MANY_SIMULTANEOUS_QUERIES, reason)


class BodyRefused(Refused):
    """The body cannot be read, is too large or came too slowly."""


class ClientGone(Exception):
    """The client closed the connection; nobody is left to answer."""
