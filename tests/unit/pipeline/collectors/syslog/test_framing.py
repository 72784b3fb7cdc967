"""Single facts of syslog framing; splits of streams are properties."""

import pytest

from pipeline.collectors.syslog.framing import HEAD_BYTES, SyslogFrameDecoder


def decoder(limit: int = 64) -> SyslogFrameDecoder:
    return SyslogFrameDecoder(max_message_bytes=limit)


@pytest.mark.parametrize(
    ("stream", "messages"),
    [
        (b"<1>a\n<1>b\r\n<1>c\0", [b"<1>a", b"<1>b", b"<1>c"]),
        (b"5 <1>ab5 <1>\ncX", [b"<1>ab", b"<1>\nc"]),
        (b"4 <1>a<1>b\n4 <1>c", [b"<1>a", b"<1>b", b"<1>c"]),
        (b"4 <1>a\n4 <1>b\n", [b"<1>a", b"<1>b"]),
        (b"\n\r\n\0\n", []),
        (b"2026-03-01 12:00:00 a line\n", [b"2026-03-01 12:00:00 a line"]),
        (b"42 monkeys\n", [b"42 monkeys"]),
        (b"007 <1>a\n", [b"007 <1>a"]),
        (b"0 <1>a\n", [b"0 <1>a"]),
        (b"12345678901 <1>a\n", [b"12345678901 <1>a"]),
    ],
)
def test_records_are_told_apart_one_by_one(stream: bytes, messages: list[bytes]) -> None:
    assert decoder().feed(stream) == messages


def test_a_line_may_be_exactly_as_long_as_allowed() -> None:
    one = decoder(8)

    assert one.feed(b"<1>45678\r\n<1>456789\n<1>45678") == [b"<1>45678"]
    assert one.feed(b"\r\n") == [b"<1>45678"]
    assert [rejected.reason for rejected in one.rejected] == ["too_long"]


def test_an_announced_giant_is_skipped_without_being_held() -> None:
    one = decoder()

    assert one.feed(b"400000000 <") == []
    for _ in range(399):
        assert one.feed(b"x" * 1_000_000) == []
    assert one.feed(b"x" * 999_999 + b"<1>next\n") == [b"<1>next"]
    (rejected,) = one.rejected
    assert len(rejected.head) == HEAD_BYTES
    assert rejected.detail == "400000000 bytes announced, 64 accepted"


def test_the_end_of_a_stream_completes_a_line_but_no_counted_message() -> None:
    line, counted, broken = decoder(), decoder(), decoder()
    line.feed(b"<1>last\r")
    counted.feed(b"9 <1>last")
    broken.feed(b"<1>half of")

    assert line.finish(by_sender=True) == [b"<1>last"]
    assert counted.finish(by_sender=True) == []
    assert broken.finish(by_sender=False) == []
    assert [one.rejected[0].head for one in (counted, broken)] == [b"9 <1>last", b"<1>half of"]
    assert line.rejected == []


def test_the_end_inside_a_giant_rejects_it_once() -> None:
    one = decoder()
    one.feed(b"1000 <1>" + b"x" * 10)

    one.finish(by_sender=True)

    assert [(r.reason, r.head) for r in one.rejected] == [("too_long", b"<1>" + b"x" * 10)]
