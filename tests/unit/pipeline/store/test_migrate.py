"""Migrations as text; tests/contract and tests/processes run them."""

import pytest

from pipeline.errors import StoreRefused
from pipeline.settings import StoreSettings
from pipeline.store.migrate import Migration, _check, migrations

SERVER = StoreSettings()
CLUSTER = StoreSettings(cluster="main", retention_days=7)


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("migration", migrations(), ids=lambda found: found.name)
def test_a_migration_can_be_repeated_after_a_crash(migration: Migration) -> None:
    for statement in migration.statements(SERVER):
        assert "IF NOT EXISTS" in statement or "IF EXISTS" in statement


@pytest.mark.parametrize("migration", migrations(), ids=lambda found: found.name)
def test_every_placeholder_is_filled_and_no_comment_is_sent(migration: Migration) -> None:
    for settings in (SERVER, CLUSTER):
        for statement in migration.statements(settings):
            assert "$" not in statement
            assert "--" not in statement
            assert not statement.endswith(";")


def test_a_cluster_has_replicated_engines() -> None:
    server = " ".join(part for found in migrations() for part in found.statements(SERVER))
    cluster = " ".join(part for found in migrations() for part in found.statements(CLUSTER))

    assert "Replicated" not in server
    assert "non_replicated_deduplication_window" in server
    assert "non_replicated_deduplication_window" not in cluster
    assert cluster.count("ON CLUSTER 'main'") == cluster.count("IF NOT EXISTS")
    assert cluster.count("ENGINE = Replicated") == cluster.count("ENGINE = ")
    assert "INTERVAL 7 DAY" in cluster


def test_every_table_forgets() -> None:
    for migration in migrations():
        for statement in migration.statements(SERVER):
            if statement.startswith("CREATE TABLE"):
                assert "TTL " in statement
                assert "deduplication_window" in statement


def test_a_store_of_a_later_release_is_left_alone() -> None:
    with pytest.raises(StoreRefused, match="0002, which this release does not know"):
        _check([Migration(1, "0001_a.sql", "")], {1: Migration(1, "", "").digest, 2: "x"})


def test_an_edited_migration_is_an_error() -> None:
    with pytest.raises(StoreRefused, match="never edited"):
        _check([Migration(1, "0001_a.sql", "new")], {1: Migration(1, "", "old").digest})
