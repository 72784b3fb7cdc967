"""Journals are read back as they were written, also when their process died in mid-line."""

from pathlib import Path

from tests.chaos.history import Journal, Read, Sent, read_history


def test_a_producer_and_its_consumers_become_one_history(tmp_path: Path) -> None:
    with Journal(tmp_path / "producer-1.jsonl") as journal:
        journal.note("send", value=7, partition=2, transaction=None)
        journal.note("send", value=8, partition=0, transaction="1/0")
        journal.note("acknowledged", value=7, offset=40)
        journal.note("refused", value=8, reason="_TIMED_OUT")
        journal.note("end", transaction="1/0", outcome="aborted")
    with Journal(tmp_path / "consumer-1.jsonl") as journal:
        journal.note("read", partition=2, offset=40, value=7)

    history = read_history(
        [tmp_path / "producer-1.jsonl"],
        [tmp_path / "consumer-1.jsonl"],
        tmp_path / "consumer-1.jsonl",
    )

    assert history.sent == [Sent("producer-1", 2, 7, None), Sent("producer-1", 0, 8, "1/0")]
    assert history.acknowledged == {7: 40}
    assert history.transactions == {"1/0": "aborted"}
    assert history.reads == {"consumer-1": [Read(2, 40, 7)]} != {"consumer-1": []}
    assert history.final == [Read(2, 40, 7)]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "consumer-1.jsonl"
    with Journal(path) as journal:
        journal.note("read", partition=0, offset=0, value=1)
    path.write_text(path.read_text() + '{"kind": "read", "parti')

    assert read_history([], [path]).reads == {"consumer-1": [Read(0, 0, 1)]}
