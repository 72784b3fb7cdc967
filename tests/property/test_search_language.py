"""The two back-ends of a search agree on every event: the WHERE on chDB and the predicate."""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.errors import QueryInvalid
from pipeline.schema.event import Event, Kind, Value
from pipeline.store.client import NamedQuery, StoreClient
from pipeline.store.migrate import migrate
from pipeline.store.rows import events_rows
from pipeline.store.search_language import parse, predicate, where
from tests.support.store import At, StoreProcess

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
WORDS = ["failed", "Failed", "password", "Übung", "sshd2", "x", "10", "ssh", "failing", "a_b", "%"]
JOINS = [" ", "-", ".", "\n", "_", "", "::", "\\", '"', "'", "\t"]
SERVICES: list[Value] = ["ssh", ["ssh", "auth"], [], ["SSH"], 5]
FIELDS = ["user.name", "user", "source.ip", "host.name", "EventID", "c-ip", "odd name", "level"]
VALUES: list[Value] = [
    "root",
    "ROOT",
    "Ädmin",
    "adm_in",
    "adm%n",
    "a\\b",
    "",
    "x\ny",
    "10.0.0.7",
    "10.0.0.77",
    "010.0.0.7",
    "10.0.0.7 ",
    "::1",
    "fe80::1%eth0",
    "::ffff:10.0.0.9",
    "2001:db8::5",
    "4625",
    "-3",
    "007",
    "1e3",
    "nan",
    "+5",
    "3.50",
    4625,
    -3,
    2**53,
    0.5,
    3.5,
    1e300,
    True,
    False,
    ["root", "admin"],
    [4625, "x"],
    [],
    ["10.0.0.7", "::1"],
    [""],
]


def corpus() -> list[Event]:
    """Events that are unkind to a search language."""
    dice = random.Random(1)
    events = []
    for number in range(600):
        fields: dict[str, Value] = {}
        for name in dice.sample(FIELDS, dice.randrange(len(FIELDS))):
            fields[name] = dice.choice(VALUES)
        if dice.random() < 0.9:
            fields["message"] = text(dice) if dice.random() < 0.9 else dice.choice(VALUES)
        if dice.random() < 0.3:
            fields["logsource.service"] = dice.choice(SERVICES)
        raw = text(dice).encode() if dice.random() < 0.8 else dice.randbytes(12)
        events.append(
            Event(
                id=str(UUID(int=number)),
                kind=Kind.LOG,
                time=NOON + timedelta(microseconds=number),
                observed_time=NOON,
                source=dice.choice(["syslog:10.0.0.7", "http:Token", "kafka:raw.syslog"]),
                fields=fields,
                raw=raw,
            )
        )
    return events


def text(dice: random.Random) -> str:
    return "".join(dice.choice(WORDS) + dice.choice(JOINS) for _ in range(dice.randrange(6)))


EVENTS = corpus()


class Asker:
    """The ids that each back-end finds for a search."""

    def __init__(self, process: StoreProcess) -> None:
        self._loop = asyncio.Runner()
        self._client = self._loop.run(self._connect(process))

    async def _connect(self, process: StoreProcess) -> StoreClient:
        await migrate(process.settings)
        client = StoreClient(process.settings)
        rows = events_rows([(event, At("t", 0, at)) for at, event in enumerate(EVENTS)])
        await client.insert("events", rows, token="corpus")
        return client

    def stored(self, search: str) -> set[str]:
        condition = where(parse(search))
        query = NamedQuery(
            name="property",
            sql=f"SELECT toString(id) FROM events WHERE {condition.sql}",
            parameters=condition.parameters,
        )
        return {row[0] for row in self._loop.run(self._client.query(query))}

    def tested(self, search: str) -> set[str]:
        test = predicate(parse(search))
        return {event.id for event in EVENTS if test(event)}

    def close(self) -> None:
        self._loop.run(self._client.close())
        self._loop.close()


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    process = StoreProcess(tmp_path_factory.mktemp("search"))
    process.start()
    asker = Asker(process)
    yield asker
    asker.close()
    process.stop()


def quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


plain = st.sampled_from(
    ["failed", "FAILED", "übung", "x", "10.0.0.7", "a_b", "sshd2", "10", "root", "4625", "-3"]
)
wild = st.sampled_from(
    ["fail*", "*word*", "pass?ord", "?ailed", "*hd2x", "????2", "fai*ed", "*ssw*"]
)
phrase = st.lists(st.sampled_from(WORDS + JOINS), min_size=1, max_size=4).map(
    lambda parts: quoted("".join(parts))
)
field = st.sampled_from(
    [*FIELDS, "message", "raw", "source", "logsource.service", "service"]
).filter(lambda name: " " not in name)
value = st.one_of(
    plain,
    st.sampled_from([quoted(str(one)) for one in VALUES]),
    st.sampled_from(
        ["*", "adm*", "a?m_in", "*n", "?", "**", "10.0.0.0/24", "::/0", "::1/128", "2001:db8::/32"]
    ),
    st.sampled_from(["0.0.0.0/0", "(root OR admin)", "(10* 4625)", "[-5 TO 5]", "[4000 TO *]"]),
)
term = st.one_of(
    plain,
    wild,
    phrase,
    st.builds("{}:{}".format, field, value),
    st.builds(
        "{}{}{}".format,
        field,
        st.sampled_from([">", ">=", "<", "<=", ":>=", ":<"]),
        st.sampled_from(["0", "-3", "3.5", "4625", "9007199254740993"]),
    ),
)
searches = st.recursive(
    term,
    lambda inner: st.one_of(
        st.builds("({} {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("({} AND {})".format, inner, inner),
        st.builds("NOT {}".format, inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=5,
)


@settings(
    max_examples=250,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(search="message:*")
@example(search="NOT user:*")
@example(search='"\n"')
@example(search="service:SSH")
@example(search='"FAILED-" OR "FAILED "')
@given(search=searches)
def test_store_and_tail_find_the_same_events(asker: Asker, search: str) -> None:
    try:
        tested = asker.tested(search)
    except QueryInvalid:
        return

    assert asker.stored(search) == tested


@settings(max_examples=500)
@given(search=st.text(st.sampled_from('ab *?"()[]:<>=!-\\/.10 TOANDRÜ\n'), max_size=40))
def test_whatever_is_typed_is_read_or_explained(search: str) -> None:
    refused: QueryInvalid | None = None
    try:
        tree = parse(search)
        predicate(tree)
        where(tree)
    except QueryInvalid as error:
        refused = error

    assert refused is None or 0 <= refused.position <= len(search)


@settings(max_examples=60)
@given(search=st.text(max_size=30))
def test_no_text_makes_the_store_fail(asker: Asker, search: str) -> None:
    try:
        tested = asker.tested(search)
    except QueryInvalid:
        return

    assert asker.stored(search) == tested
