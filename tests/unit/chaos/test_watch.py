"""Who was acknowledged how much, from journals that grow."""

from pathlib import Path

from tests.chaos.history import Journal
from tests.chaos.producer import IN_FLIGHT
from tests.chaos.watch import Journals


def acknowledge(path: Path, count: int) -> None:
    """So many lines of a producer."""
    with Journal(path) as journal:
        for value in range(count):
            journal.note("send", value=value, partition=0, producer="0/0", transaction=None)
            journal.note("acknowledged", value=value, offset=value)


def test_what_is_acknowledged_is_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "producer-0.jsonl"
    acknowledge(path, 3)
    journals = Journals([path])
    journals.look()
    with path.open("a") as torn:
        torn.write('{"kind": "acknowledged", "val')
    journals.look()
    with path.open("a") as torn:
        torn.write('ue": 3, "offset": 3}\n')
    journals.look()

    assert journals.acknowledged == {path: 4}


def test_clients_that_died_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "producer-0.jsonl"
    with Journal(path) as journal:
        journal.note("died", how="hung")
    journals = Journals([path])
    journals.look()

    assert journals.deaths == 1


def test_all_are_answered_once_each_has_more_than_was_under_way(tmp_path: Path) -> None:
    paths = [tmp_path / "producer-0.jsonl", tmp_path / "producer-1.jsonl"]
    for path in paths:
        acknowledge(path, 5)
    answered = Journals(paths).answered()
    acknowledge(paths[0], IN_FLIGHT + 1)
    acknowledge(paths[1], IN_FLIGHT)

    assert not answered()
    acknowledge(paths[1], 1)
    assert answered()
