"""The embedded store as a real process: who gets in, what stops it, what survives."""

import asyncio
import gzip
import http.server
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from pipeline.errors import StoreRefused, StoreUnavailable
from pipeline.store import rows
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.migrate import migrate
from tests.support.store import PASSWORD, READER_PASSWORD, ROOT, StoreProcess
from tests.support.stored_values import log_event

pytestmark = pytest.mark.process

TOCSIN = ("tocsin", PASSWORD)
READER = ("reader", READER_PASSWORD)
COUNT = NamedQuery(name="count", sql="SELECT count(), uniqExact(offset) FROM events", parameters={})
ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreProcess]:
    """A migrated store that these tests share."""
    process = StoreProcess(tmp_path_factory.mktemp("store"), query_threads=2, query_seconds=110)
    process.start()
    asyncio.run(migrate(process.settings))
    yield process
    process.stop()


@pytest.fixture
def started() -> Iterator[Callable[..., StoreProcess]]:
    """Starts stores of a test's own, and stops them however the test ends."""
    processes: list[StoreProcess] = []

    def start(directory: Path, **settings: int) -> StoreProcess:
        processes.append(StoreProcess(directory, **settings))
        processes[-1].start()
        return processes[-1]

    yield start
    for process in processes:
        process.stop()


def ask(
    store: StoreProcess, sql: str, account: tuple[str, str] = TOCSIN, /, **parameters: str
) -> httpx.Response:
    """One statement, as curl would send it."""
    return httpx.post(
        store.url, content=sql, auth=account, params=parameters, trust_env=False, timeout=60
    )


def wait_until(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def running(store: StoreProcess) -> int:
    """How many endless queries run."""
    sql = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%'"
    return int(ask(store, f"{sql} AND query NOT LIKE '%system.processes%'").text)


def inserting(store: StoreProcess) -> int:
    """How many inserts run."""
    return int(ask(store, "SELECT count() FROM system.processes WHERE query_kind = 'Insert'").text)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, 194),
        ({"X-ClickHouse-User": "tocsin", "X-ClickHouse-Key": "wrong"}, 403, 516),
        ({"X-ClickHouse-User": "nobody", "X-ClickHouse-Key": PASSWORD}, 403, 516),
        ({"Authorization": "Basic !!!"}, 401, 194),
        ({"X-ClickHouse-User": "tocsin", "X-ClickHouse-Key": PASSWORD}, 200, None),
    ],
)
def test_who_does_not_sign_in_is_refused_as_clickhouse_refuses(
    store: StoreProcess, headers: dict[str, str], status: int, code: int | None
) -> None:
    answer = httpx.post(store.url, content="SELECT 1", headers=headers, trust_env=False, timeout=60)

    assert answer.status_code == status
    assert answer.headers.get("X-ClickHouse-Exception-Code") == (str(code) if code else None)


async def test_a_client_with_a_wrong_password_hears_that(store: StoreProcess) -> None:
    wrong = store.settings.model_copy(update={"password": SecretStr("wrong")})

    async with StoreClient(wrong) as client:
        with pytest.raises(StoreRefused) as refused:
            await client.query(COUNT)

    assert refused.value.code == 516


READING = [
    "SELECT count() FROM events",
    "SELECT 'file', 1 AS url FROM numbers(3)",
    "SELECT count() FROM events WHERE message LIKE '%file(%'",
    "SHOW TABLES",
    "DESCRIBE TABLE events",
    "SHOW CREATE TABLE events",
    "EXISTS TABLE events",
    "EXPLAIN SELECT * FROM events",
    "WITH 1 AS x SELECT format('{}', x), arrayMap(y -> y + 1, [x])",
]


@pytest.mark.parametrize("sql", READING)
def test_a_reader_can_read(store: StoreProcess, sql: str) -> None:
    assert ask(store, sql, READER).status_code == 200


ESCAPES = [
    "INSERT INTO events (message) VALUES ('x')",
    "/* hello */ insert into events (message) FORMAT JSONEachRow {}",
    "CREATE TABLE mine (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a Int8)",
    "DROP TABLE events",
    "TRUNCATE TABLE events",
    "ALTER TABLE events DELETE WHERE 1",
    "DELETE FROM events WHERE 1",
    "OPTIMIZE TABLE events",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "USE system",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1; SELECT 2",
    "SELECT file('{path}')",
    "SELECT `file`('{path}')",
    "SELECT \"file\" /* */ ('{path}')",
    "SELECT x.* APPLY(file) FROM (SELECT '{path}' AS a) AS x",
    "SELECT arrayMap(file, ['{path}'])",
    "SELECT * FROM view(SELECT file('{path}'))",
    "SELECT 1 WHERE 'x' IN file('{path}', 'LineAsString')",
    "SELECT * FROM file('{path}', 'LineAsString')",
    "DESCRIBE file('{path}')",
    "DESCRIBE TABLE file('{path}')",
    "EXPLAIN SELECT file('{path}')",
    "SELECT 1 INTO OUTFILE '{out}'",
    "SHOW TABLES INTO OUTFILE '{out}'",
    "SHOW CREATE TABLE events INTO OUTFILE 'out'",
    "DESCRIBE TABLE events INTO OUTFILE 'out'",
    "INSERT INTO FUNCTION file('{out}', 'CSV', 'a Int8') SELECT 1",
    "SELECT * FROM url('{url}', 'CSV', 'a String')",
    "DESCRIBE url('{url}', 'CSV')",
    "SELECT * FROM (SELECT 1) AS a, url('{url}', 'CSV', 'a String') AS b",
    "SELECT * FROM s3('{url}', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1', 'system', 'one')",
    "SELECT * FROM executable('id', 'CSV', 'a String')",
    "SELECT * FROM python(os)",
    "SELECT sleep(3)",
]


class Witness:
    """A web server that nobody may reach, and a file that nobody may read or write."""

    def __init__(self, directory: Path) -> None:
        self.secret = directory / "secret"
        self.secret.write_text("the secret of the file\n")
        self.out = directory / "out"
        self.asked: list[str] = []
        asked = self.asked

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/x.csv"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    found = Witness(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("sql", ESCAPES)
def test_a_reader_can_neither_write_nor_reach_files_or_machines(
    store: StoreProcess, witness: Witness, sql: str
) -> None:
    named = sql.replace("{path}", str(witness.secret)).replace("{out}", str(witness.out))
    before = ask(store, "SELECT count() FROM events").text

    answer = ask(store, named.replace("{url}", witness.url), READER)

    assert answer.status_code >= 400, answer.text
    assert "the secret of the file" not in answer.text
    assert witness.asked == []
    assert not witness.out.exists()
    assert not (ROOT / "out").exists()
    assert ask(store, "SELECT count() FROM events").text == before


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE k (a Int8) ENGINE = Kafka('127.0.0.1:1', 't', 'g', 'CSV')",
        "CREATE TABLE k (a Int8) engine kafka SETTINGS kafka_topic_list = 't'",
        "SELECT 1 INTO OUTFILE '/tmp/out'",
        "INSERT INTO events FROM INFILE '/etc/passwd' FORMAT LineAsString",
        "INSERT INTO FUNCTION file('/tmp/out', 'CSV', 'a Int8') VALUES (1)",
        "INSERT INTO TABLE FUNCTION url('http://127.0.0.1:1', 'CSV', 'a Int8') VALUES (1)",
    ],
)
def test_nobody_may_say_what_would_brick_or_leave_the_directory(
    store: StoreProcess, sql: str
) -> None:
    assert ask(store, sql).status_code == 403


def test_get_reads_only(store: StoreProcess) -> None:
    def get(sql: str) -> int:
        answer = httpx.get(
            store.url, params={"query": sql}, auth=TOCSIN, trust_env=False, timeout=60
        )
        return answer.status_code

    assert get("SELECT 1") == 200
    assert get("TRUNCATE TABLE events") == 403


def test_a_session_leaves_nothing_behind(store: StoreProcess) -> None:
    """A token leaked by a shared session once swallowed later inserts silently."""
    ask(
        store,
        "CREATE TABLE sessions (a String) ENGINE = MergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window = 100",
    )

    def insert(letter: str, token: str = "") -> int:
        sql = f"INSERT INTO sessions VALUES ('{letter}')"
        named = {"insert_deduplication_token": token} if token else {}
        return ask(store, sql, TOCSIN, session_id="s", **named).status_code

    assert insert("a", "leaked") == 200
    assert insert("b") == 200
    assert insert("c") == 200
    assert ask(store, "SELECT count() FROM sessions").text == "3\n"


def test_limits_can_be_lowered_and_not_raised(store: StoreProcess) -> None:
    def limit(value: str) -> int:
        sql = "SELECT getSetting('max_memory_usage')"
        return int(ask(store, sql, max_memory_usage=value).text)

    assert limit("1000000") == 1_000_000
    assert limit("0") == limit("999999999999") > 1_000_000


def test_a_query_that_needs_too_much_memory_fails_alone(store: StoreProcess) -> None:
    greedy = "SELECT groupArray(number) FROM numbers(1000000000)"

    answer = ask(store, greedy)

    assert answer.headers["X-ClickHouse-Exception-Code"] == "241"
    assert ask(store, "SELECT 1").text == "1\n"


def test_a_query_ends_when_its_client_goes(store: StoreProcess) -> None:
    with socket.create_connection(("127.0.0.1", store.port)) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: tocsin\r\nX-ClickHouse-Key: "
            + PASSWORD.encode()
            + f"\r\nContent-Length: {len(ENDLESS)}\r\n\r\n{ENDLESS}".encode()
        )
        wait_until(lambda: running(store) == 1)

    wait_until(lambda: running(store) == 0)


async def test_a_query_ends_when_its_task_is_cancelled(store: StoreProcess) -> None:
    async with StoreClient(store.settings) as client:
        endless = NamedQuery(name="endless", sql=ENDLESS, parameters={})
        task = asyncio.create_task(client.query(endless))
        await asyncio.to_thread(wait_until, lambda: running(store) == 1)

        task.cancel()

        await asyncio.to_thread(wait_until, lambda: running(store) == 0)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_heavy_queries_do_not_stop_inserts_and_more_are_sent_away(
    store: StoreProcess,
) -> None:
    async def endless(http: httpx.AsyncClient) -> int:
        return (await http.post(store.url, content=ENDLESS)).status_code

    limits = httpx.Limits(max_connections=100)
    async with (
        StoreClient(store.settings) as client,
        httpx.AsyncClient(auth=TOCSIN, trust_env=False, timeout=60, limits=limits) as http,
    ):
        tasks = [asyncio.create_task(endless(http)) for _ in range(40)]  # 2 run, 32 wait
        refused = [await first for first in itertools.islice(asyncio.as_completed(tasks), 6)]
        for number in range(5):
            batch = rows.events_rows(
                [log_event(at) for at in range(100 * number, 100 * number + 100)]
            )
            await client.insert("events", batch, token=f"beside-{number}")
        over = {task.result() for task in tasks if task.done()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert refused == [503] * 6
    assert over == {503}  # who ran still ran: the inserts waited for nobody


async def test_stopping_ends_queries_and_finishes_inserts(
    tmp_path: Path, started: Callable[..., StoreProcess]
) -> None:
    process = started(tmp_path / "store", query_seconds=600)
    await migrate(process.settings)
    batch = rows.events_rows([log_event(at) for at in range(50_000)])
    async with StoreClient(process.settings) as client:
        endless = asyncio.create_task(
            client.query(NamedQuery(name="endless", sql=ENDLESS, parameters={}))
        )
        await asyncio.to_thread(wait_until, lambda: running(process) == 1)
        insert = asyncio.create_task(client.insert("events", batch, token="last"))
        await asyncio.to_thread(wait_until, lambda: insert.done() or inserting(process) == 1)

        await asyncio.to_thread(process.stop)

        with pytest.raises(StoreUnavailable):
            await endless
        await insert
    process.start()
    async with StoreClient(process.settings) as client:
        assert tuple((await client.query(COUNT))[0]) == (50_000, 50_000)


def test_the_second_opening_of_a_directory_names_the_first(store: StoreProcess) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "tests.support.store", str(store.directory), "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode != 0
    assert f"already open in process {store.pid}" in second.stderr


def test_a_small_body_cannot_become_a_huge_one(
    tmp_path: Path, started: Callable[..., StoreProcess]
) -> None:
    process = started(tmp_path / "store", max_insert_bytes=4 << 20)
    bomb = gzip.compress(b'{"a":1}\n' * (1 << 20))

    ask(process, "CREATE TABLE t (a Int8) ENGINE = Memory")
    answer = httpx.post(
        process.url,
        params={"query": "INSERT INTO t FORMAT JSONEachRow"},
        content=bomb,
        headers={"Content-Encoding": "gzip"},
        auth=TOCSIN,
        trust_env=False,
        timeout=60,
    )

    assert answer.status_code == 413
    assert ask(process, "SELECT count() FROM t").text == "0\n"


def test_neither_pandas_nor_pyarrow_is_loaded(store: StoreProcess) -> None:
    loaded = Path(f"/proc/{store.pid}/maps").read_text()

    assert "_chdb" in loaded
    assert "pyarrow" not in loaded
    assert "pandas" not in loaded


async def test_what_was_acknowledged_survives_kills_in_mid_insert(
    tmp_path: Path, started: Callable[..., StoreProcess]
) -> None:
    process = started(tmp_path / "store")
    await migrate(process.settings)
    batches = [
        rows.events_rows([log_event(at) for at in range(first, first + 2000)])
        for first in range(0, 40_000, 2000)
    ]
    acknowledged = 0
    progress = asyncio.Event()

    async def insert_until_killed() -> None:
        nonlocal acknowledged
        async with StoreClient(process.settings) as client:
            while acknowledged < len(batches):
                token = f"events.log:0:{acknowledged}"
                await client.insert("events", batches[acknowledged], token=token)
                acknowledged += 1
                progress.set()

    for killed_after in (0.01, 0.03, 0.07):
        progress.clear()
        inserting = asyncio.create_task(insert_until_killed())
        await progress.wait()
        await asyncio.wait([inserting], timeout=killed_after)
        await asyncio.to_thread(process.kill)
        with pytest.raises(StoreUnavailable):
            await inserting
        await asyncio.to_thread(process.start)
        async with StoreClient(process.settings) as client:
            stored, different = (await client.query(COUNT))[0]
        assert stored == different
        assert acknowledged * 2000 <= stored <= (acknowledged + 1) * 2000
        assert stored % 2000 == 0
    await insert_until_killed()

    async with StoreClient(process.settings) as client:
        assert tuple((await client.query(COUNT))[0]) == (40_000, 40_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", str(disk)]
    if subprocess.run(command, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_full_disk_is_an_error_and_passes(
    small_disk: Path, started: Callable[..., StoreProcess]
) -> None:
    process = started(small_disk / "store")
    await migrate(process.settings)
    dice = random.Random(1)
    events = [
        (msgspec.structs.replace(event, raw=dice.randbytes(2000)), at)
        for event, at in map(log_event, range(5000))
    ]
    batch = rows.events_rows(events)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free))

    async with StoreClient(process.settings) as client:
        with pytest.raises(StoreUnavailable):
            await client.insert("events", batch, token="full")
        ballast.unlink()
        await client.insert("events", batch, token="full")
        stored = tuple((await client.query(COUNT))[0])

    assert stored == (5000, 5000)
