"""Journals are read back as they were written, also when their process died in mid-line."""

from pathlib import Path

import pytest

from tests.chaos.history import Committed, Journal, Read, Sent, read_history


def test_clients_and_the_last_look_become_one_history(tmp_path: Path) -> None:
    producer, consumer, final = (tmp_path / f"{name}.jsonl" for name in ("p", "c", "final"))
    with Journal(producer) as journal:
        journal.note("send", value=7, partition=2, producer="1/0", transaction=None)
        journal.note("send", value=8, partition=0, producer="1/1", transaction="1/0")
        journal.note("acknowledged", value=7, offset=40)
        journal.note("refused", value=8, reason="_TIMED_OUT")
        journal.note("end", transaction="1/0", outcome="aborted")
        journal.note("died", how="hung")
    with Journal(consumer) as journal:
        journal.note("read", partition=2, offset=40, value=7)
        journal.note("commit", group="0", partition=2, offset=41)
        journal.note("committed", group="0", partition=2, offset=41)
        journal.note("commit", group="0", partition=2, offset=42)
        journal.note("commit", group="0", partition=2, offset=43)
        journal.note("dropped", group="0", partition=2, offset=43)
        journal.note("trouble", partition=2, reason="out of range")
    with Journal(final) as journal:
        journal.note("stable", partition=1, offset=3, high_watermark=3)
        journal.note("stable", partition=2, offset=3, high_watermark=41)
        journal.note("offset", group="0", partition=2, offset=41)
        journal.note("read", partition=2, offset=40, value=7)

    history = read_history([producer, consumer], final)

    assert history.sent == [Sent("1/0", 2, 7, None), Sent("1/1", 0, 8, "1/0")]
    assert history.acknowledged == {7: 40}
    assert history.transactions == {"1/0": "aborted"}
    assert history.deaths == [("p", "hung")]
    assert history.reads == {"c": [Read(2, 40, 7)]}
    assert history.commits == {("0", 2): Committed({41, 42}, [41])}
    assert history.troubles == ["c, partition 2: out of range"]
    assert history.unstable == {2: (3, 41)}
    assert history.offsets == {("0", 2): 41}
    assert history.final == [Read(2, 40, 7)]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "consumer-1.jsonl"
    with Journal(path) as journal:
        journal.note("read", partition=0, offset=0, value=1)
    path.write_text(path.read_text() + '{"kind": "read", "parti')

    assert read_history([path]).reads == {"consumer-1": [Read(0, 0, 1)]}


def test_a_line_that_nobody_writes_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "producer-1.jsonl"
    path.write_text('{"kind": "sent"}\n')

    with pytest.raises(ValueError, match="no journal line"):
        read_history([path])
