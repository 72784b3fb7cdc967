import asyncio
from pathlib import Path

import pytest

from pipeline.bus.admin import Admin
from pipeline.bus.position import TopicPartition
from pipeline.errors import BusUnavailable
from pipeline.schema.control import TokenGrant, decode_decision
from pipeline.schema.topics import AUDIT, CONTROL, CONTROL_HISTORY, TOPICS
from pipeline.settings import BusSettings
from tests.support.console import NOWHERE
from tests.support.standalone_broker import StandaloneBroker
from web.database import outbox
from web.database.engine import Database
from web.security.audit import COMMAND_LINE
from web.security.tokens import create_token, digest, list_tokens, revoke_token


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path}/console.sqlite3")
    made.migrate()
    return made


async def _records(bus: BusSettings, topic: str) -> list[bytes]:
    records = await Admin(bus).read(TopicPartition(topic, 0), 0, 100)
    return [record.value or b"" for record in records]


async def test_a_decision_survives_a_crash_between_commit_and_publish(
    tmp_path: Path, database: Database
) -> None:
    secret = create_token(database, "ingest", "web-01")
    database.close()  # the process ends here, before anything was sent

    again = Database(f"sqlite:///{tmp_path}/console.sqlite3")
    with StandaloneBroker(tmp_path / "log") as broker:
        bus = BusSettings(url=f"kafka://{broker.address}")
        await Admin(bus).ensure_topics(TOPICS)
        sent = await outbox.flush(again, bus)

        (value,) = await _records(bus, CONTROL)
        granted = decode_decision(value)
        assert isinstance(granted, TokenGrant)
        assert (granted.digest, granted.role) == (digest(secret), "ingest")
        assert await _records(bus, CONTROL_HISTORY) == [value]
        assert len(await _records(bus, AUDIT)) == 1
        assert sent == 2
        assert outbox.count_waiting(again) == 0
    again.close()


async def test_a_crash_after_publishing_sends_twice_what_is_known_by_its_revision(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_token(database, "ingest", "web-01")
    with StandaloneBroker(tmp_path / "log") as broker:
        bus = BusSettings(url=f"kafka://{broker.address}")
        await Admin(bus).ensure_topics(TOPICS)

        def crash(*_: object) -> None:
            raise RuntimeError("killed before the rows were removed")

        with monkeypatch.context() as patch:
            patch.setattr(outbox, "forget", crash)
            with pytest.raises(RuntimeError):
                await outbox.flush(database, bus)
        await outbox.flush(database, bus)

        first, second = await _records(bus, CONTROL)
        assert first == second
        assert outbox.count_waiting(database) == 0
    database.close()


async def test_what_cannot_be_sent_waits(database: Database) -> None:
    create_token(database, "ingest", "web-01")

    with pytest.raises((BusUnavailable, TimeoutError)):
        async with asyncio.timeout(3):
            await outbox.flush(database, NOWHERE.bus)

    assert outbox.count_waiting(database) == 2
    database.close()


async def test_a_revocation_follows_its_grant(tmp_path: Path, database: Database) -> None:
    create_token(database, "ingest", "web-01")
    (token,) = list_tokens(database)
    revoke_token(database, token.id, actor=COMMAND_LINE)
    revoke_token(database, token.id, actor=COMMAND_LINE)
    with StandaloneBroker(tmp_path / "log") as broker:
        bus = BusSettings(url=f"kafka://{broker.address}")
        await Admin(bus).ensure_topics(TOPICS)
        await outbox.flush(database, bus)

        grants = [decode_decision(value) for value in await _records(bus, CONTROL)]

    assert [(grant.revision, getattr(grant, "revoked", None)) for grant in grants] == [
        (1, False),
        (2, True),
    ]
    database.close()


def test_a_transaction_that_fails_leaves_neither_decision_nor_record(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr("web.security.tokens.record", fail)

    with pytest.raises(RuntimeError):
        create_token(database, "ingest", "web-01")

    assert list_tokens(database) == []
    assert outbox.count_waiting(database) == 0
    database.close()
