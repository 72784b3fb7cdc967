from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.sinks.splitting import insert_splitting

VALUE_ERROR = 27


class Table:
    """A table that refuses some rows and remembers tokens, as ClickHouse does."""

    def __init__(self, poison: set[int], *, code: int = VALUE_ERROR) -> None:
        self.rows: list[int] = []
        self.tokens: list[str] = []
        self._poison = poison
        self._code = code

    async def insert(self, rows: Sequence[int], token: str) -> None:
        if self._poison & set(rows):
            raise StoreRefused(f"cannot parse {self._poison & set(rows)}", code=self._code)
        if token not in self.tokens:
            self.tokens.append(token)
            self.rows += rows


@given(count=st.integers(1, 60), data=st.data())
async def test_the_culprits_are_found_and_all_others_stored_once(
    count: int, data: st.DataObject
) -> None:
    poison = data.draw(st.sets(st.integers(0, count - 1)))
    table = Table(poison)

    refusals = await insert_splitting(range(count), "t:0:0-9", table.insert)
    again = await insert_splitting(range(count), "t:0:0-9", table.insert)

    assert [refusal.row for refusal in refusals] == sorted(poison)
    assert [refusal.row for refusal in again] == sorted(poison)
    assert sorted(table.rows) == sorted(set(range(count)) - poison)


async def test_a_batch_without_culprits_is_one_insert_under_its_token() -> None:
    table = Table(set())

    assert await insert_splitting(range(10), "t:0:0-9", table.insert) == []

    assert table.tokens == ["t:0:0-9"]


async def test_a_store_that_takes_nothing_is_in_trouble_and_no_row_is_blamed() -> None:
    unknown_table = 60

    with pytest.raises(StoreUnavailable, match="takes no row"):
        await insert_splitting(range(5), "t", Table(set(range(5)), code=unknown_table).insert)


async def test_an_error_nobody_knows_blames_a_row_only_if_another_is_taken() -> None:
    refusals = await insert_splitting(range(5), "t", Table({3}, code=12345).insert)

    assert [refusal.row for refusal in refusals] == [3]


async def test_a_store_that_goes_away_in_between_is_unavailable() -> None:
    async def insert(rows: Sequence[int], token: str) -> None:
        if token == "t":
            raise StoreRefused("bad", code=VALUE_ERROR)
        raise StoreUnavailable("gone")

    with pytest.raises(StoreUnavailable, match="gone"):
        await insert_splitting(range(5), "t", insert)
