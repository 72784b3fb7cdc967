"""Other people's clients against the embedded store: clickhouse-connect as it comes, and curl."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv6Address
from uuid import UUID

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError

from tests.support.store import PASSWORD, READER_PASSWORD, StoreProcess

pytestmark = pytest.mark.process

ID = UUID("01234567-89ab-7def-8123-456789abcdef")
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    process = StoreProcess(tmp_path_factory.mktemp("store"))
    process.start()
    yield process
    process.stop()


def connect(store: StoreProcess, **options: object) -> Client:
    given = {"username": "tocsin", "password": PASSWORD, **options}
    return clickhouse_connect.get_client(host="127.0.0.1", port=store.port, **given)  # type: ignore[arg-type]


@pytest.fixture
def client(store: StoreProcess) -> Iterator[Client]:
    found = connect(store)
    yield found
    found.close()


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_rows_of_every_type_come_back(store: StoreProcess, compress: bool | str) -> None:
    client = connect(store, compress=compress)
    client.command("DROP TABLE IF EXISTS types")
    client.command(
        "CREATE TABLE types (id UUID, ip IPv6, m Map(String, UInt8), a Array(String),"
        " t DateTime64(6, 'UTC'), n Nullable(Float64), j JSON) ENGINE = MergeTree ORDER BY id"
    )
    row = (ID, IPv6Address("::1"), {"k": 7}, ["x", "ü'\\"], NOON, None, {"a": {"b": 1}})

    client.insert("types", [row] * 50)

    found = client.query("SELECT * FROM types").result_rows
    assert len(found) == 50
    assert tuple(found[0])[:4] == row[:4]
    assert found[0][5:] == (None, {"a": {"b": 1}})
    client.close()


def test_parameters_are_bound(client: Client) -> None:
    hostile = "it's\n\ta \\ {x:String} '; DROP"

    found = client.query(
        "SELECT {text:String}, {number:UInt8} + 1, {list:Array(String)}",
        parameters={"text": hostile, "number": 4, "list": ["a'b", "c\n"]},
    )

    assert found.result_rows == [(hostile, 5, ["a'b", "c\n"])]


def test_a_large_result_comes_as_a_stream(client: Client) -> None:
    with client.query_rows_stream("SELECT number FROM numbers(1000000)") as rows:
        assert sum(1 for _ in rows) == 1_000_000


def test_an_error_in_mid_stream_is_an_error_and_not_a_short_result(client: Client) -> None:
    sql = "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 65536"

    with (
        pytest.raises(StreamFailureError, match="throwIf"),
        client.query_rows_stream(sql) as rows,
    ):
        for _ in rows:
            pass


def test_errors_carry_their_number(client: Client) -> None:
    with pytest.raises(DatabaseError) as failed:
        client.query("SELECT nothing")

    assert failed.value.code == 47


def test_a_token_stores_a_batch_once(client: Client) -> None:
    client.command(
        "CREATE TABLE tokens (a UInt64) ENGINE = MergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window = 100"
    )

    for _ in range(2):
        client.insert("tokens", [[1], [2]], settings={"insert_deduplication_token": "t"})

    assert client.command("SELECT count() FROM tokens") == 2


def test_a_reader_connects_and_reads(store: StoreProcess) -> None:
    client = connect(store, username="reader", password=READER_PASSWORD)

    assert client.query("SELECT sum(number) FROM numbers(10)").result_rows == [(45,)]
    with pytest.raises(DatabaseError):
        client.command("CREATE TABLE x (a Int8) ENGINE = Memory")
    client.close()


@pytest.mark.peer("curl")
@pytest.mark.parametrize(
    ("arguments", "body", "answer"),
    [
        (["/?query=SELECT%201"], "", "1\n"),
        (["/"], "SELECT 1 AS a FORMAT JSONEachRow", '{"a":1}\n'),
        (["/?default_format=CSVWithNames"], "SELECT 1 AS a", '"a"\n1\n'),
        (["/?query=INSERT%20INTO%20shell%20VALUES"], "(1), (1 + 1)", ""),
        (["/?query=INSERT%20INTO%20shell%20FORMAT%20CSV"], "3\n4\n", ""),
        (["/"], "SELECT sum(a) FROM shell", "10\n"),
        (["/ping"], "", "Ok.\n"),
    ],
)
def test_curl_speaks_to_it(
    store: StoreProcess, client: Client, arguments: list[str], body: str, answer: str
) -> None:
    client.command("CREATE TABLE IF NOT EXISTS shell (a UInt64) ENGINE = Memory")
    command = ["curl", "-sS", "-u", f"tocsin:{PASSWORD}"]
    command += ["--data-binary", "@-"] if body else []

    done = subprocess.run(
        [*command, store.url + arguments[0]], input=body, capture_output=True, text=True, check=True
    )

    assert done.stdout == answer
