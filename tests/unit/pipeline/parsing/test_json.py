"""JSON documents: time, text, recognition, and what is no document."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.json import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "member",
    [
        b'"@timestamp":"2026-03-01T11:59:00Z"',
        b'"timestamp":1772366340',
        b'"ts":1772366340000',
        b'"time":"2026-03-01 11:59:00"',
        b'"EventTime":"2026-03-01 11:59:00"',
        b'"time":"not a time","ts":1772366340',
        b'"time":7,"date":"2026-03-01T12:59:00+01:00"',
    ],
)
def test_finds_the_time_wherever_senders_keep_it(member: bytes) -> None:
    time, _ = parse(b"{" + member + b"}", NOON)

    assert time == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (b'{"message":"hello","msg":"other"}', "hello"),
        (b'{"msg":"hello"}', "hello"),
        (b'{"log":"hello","n":1}', "hello"),
        (b'{"message":{"a":1},"text":"hello"}', "hello"),
        (b'{"n":1,"ok":true}', "n=1 ok=True"),
        (b"{}", ""),
    ],
)
def test_finds_a_text_for_a_person(document: bytes, text: str) -> None:
    assert parse(document, NOON)[1]["message"] == text


def test_a_document_of_nobody_known_keeps_its_names_and_has_no_log_source() -> None:
    _, fields = parse(b'{"a":{"b":[1,2]},"user":"ingrid","msg":"x","none":null}', NOON)

    assert fields == {
        "a.b": [1, 2],
        "user": "ingrid",
        "user.name": "ingrid",
        "msg": "x",
        "message": "x",
    }


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (b'{"a":NaN}', "not JSON"),
        (b'"text"', "JSON str"),
        (b"null", "JSON NoneType"),
    ],
)
def test_what_is_no_object_is_kept_as_text(message: bytes, reason: str) -> None:
    time, fields = parse(message, NOON)

    assert time is None
    assert reason in str(fields["parse_error"])
    assert fields["message"] == message.decode()


@pytest.mark.parametrize("depth", [40, 500, 1_010])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_a_document_however_deep_is_an_event(depth: int, opening: bytes, closing: bytes) -> None:
    document = b'{"user":"ingrid","x":' + opening * depth + b"1" + closing * depth + b"}"

    _, fields = parse(document, NOON)

    assert fields["user.name"] == "ingrid"
    assert all(len(str(value)) < 5_000 for value in fields.values())
