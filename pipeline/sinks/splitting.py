"""Find the rows that a store refuses, and store the others.

A batch that is refused is split in two until the culprits stand alone. Only if the store took
some other row of it is a row to blame; a store that takes nothing is itself in trouble, and the
batch waits instead of being thrown away row by row.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.errors import StoreRefused, StoreUnavailable

Row = TypeVar("Row")
Insert = Callable[[Sequence[Row], str], Awaitable[None]]

# Of ClickHouse's ErrorCodes.cpp, those that speak of a value and not of the server.
VALUE_ERRORS = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        38,  # CANNOT_PARSE_DATE
        41,  # CANNOT_PARSE_DATETIME
        53,  # TYPE_MISMATCH
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        321,  # VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        467,  # CANNOT_PARSE_BOOL
        469,  # VIOLATED_CONSTRAINT
    }
)


@dataclass(frozen=True, slots=True)
class Refusal(Generic[Row]):
    """A row that the store will not have, and why."""

    row: Row
    error: StoreRefused


async def insert_splitting(
    rows: Sequence[Row], token: str, insert: Insert[Row]
) -> list[Refusal[Row]]:
    """Insert all rows that the store takes.

    Args:
        rows: At least one.
        token: Names the whole; parts get ``token/begin-end``, the same at every repetition.
        insert: Stores rows under a token, once.

    Returns:
        The rows that it refuses.

    Raises:
        StoreUnavailable: The store did not answer, or it took nothing.
    """
    try:
        await insert(rows, token)
    except StoreRefused as error:
        refusals = await _halves(rows, 0, len(rows), token, insert, error)
        blamed = all(refusal.error.code in VALUE_ERRORS for refusal in refusals)
        if len(refusals) == len(rows) and not blamed:
            raise StoreUnavailable(f"the store takes no row: {error}") from error
        return refusals
    return []


async def _halves(
    rows: Sequence[Row], begin: int, end: int, token: str, insert: Insert[Row], error: StoreRefused
) -> list[Refusal[Row]]:
    """Insert each half of rows that were refused together."""
    if end - begin == 1:
        return [Refusal(rows[begin], error)]
    middle = (begin + end) // 2
    refusals: list[Refusal[Row]] = []
    for low, high in ((begin, middle), (middle, end)):
        try:
            await insert(rows[low:high], f"{token}/{low}-{high}")
        except StoreRefused as refused:
            refusals += await _halves(rows, low, high, token, insert, refused)
    return refusals
