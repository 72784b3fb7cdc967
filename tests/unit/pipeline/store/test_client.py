"""How clickhouse-connect's errors become ours; the rest is in tests/contract and processes."""

import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.settings import StoreSettings
from pipeline.store.client import NamedQuery, StoreClient, _translate
from pipeline.store.native import Rows


@pytest.mark.parametrize("code", [159, 202, 241, 243, 252, 394])
def test_what_may_pass_is_unavailable(code: int) -> None:
    assert isinstance(_translate(DatabaseError("later", code=code)), StoreUnavailable)


@pytest.mark.parametrize("code", [60, 62, 164, 516])
def test_what_does_not_pass_is_refused_with_its_number(code: int) -> None:
    error = _translate(DatabaseError("never", code=code))

    assert isinstance(error, StoreRefused)
    assert error.code == code


@pytest.mark.parametrize(
    "error", [OperationalError("no route"), DatabaseError("502 of a proxy"), ClickHouseError("x")]
)
def test_no_answer_is_unavailable(error: ClickHouseError) -> None:
    assert isinstance(_translate(error), StoreUnavailable)


async def test_a_store_that_is_not_there_is_an_error_of_the_statement() -> None:
    async with StoreClient(StoreSettings(url="http://127.0.0.1:9")) as client:
        with pytest.raises(StoreUnavailable):
            await client.query(NamedQuery(name="one", sql="SELECT 1", parameters={}))
        with pytest.raises(StoreUnavailable):
            await client.insert("events", Rows(("a",), b"x", 1), token="t")
        assert not await client.ping()


async def test_no_rows_need_no_store() -> None:
    async with StoreClient(StoreSettings(url="http://127.0.0.1:9")) as client:
        await client.insert("events", Rows((), b"", 0), token="t")
