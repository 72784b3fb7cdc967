"""Audit records: hexadecimal, absence, accounts, processes."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.linux.auditd import parse, recognises
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEAD = "msg=audit(1772366341.100:71):"


def read(record: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    parse(record, fields, NOON)
    return fields


def test_the_kernels_time_and_number_are_told() -> None:
    fields: dict[str, Value] = {}

    time = parse(f"type=EOE {HEAD} ", fields, NOON)

    assert time == datetime(2026, 3, 1, 11, 59, 1, 100_000, tzinfo=UTC)
    assert fields == {"type": "EOE", "audit.id": "1772366341.100:71"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ('"plain"', "plain"),
        ("2E6D7920646972", ".my dir"),
        ("C3A9", "é"),
        ("FF", "\ufffd"),
        ("ABC", "ABC"),
        ("-i", "-i"),
    ],
)
def test_arguments_are_quoted_or_hexadecimal(written: str, value: str) -> None:
    assert read(f"type=EXECVE {HEAD} argc=1 a0={written}")["a0"] == value


def test_numbers_of_a_system_call_are_not_decoded() -> None:
    fields = read(f"type=SYSCALL {HEAD} arch=c000003e syscall=257 a0=41424344 exe=2F61 exit=-13")

    assert (fields["a0"], fields["exe"], fields["exit"]) == ("41424344", "/a", -13)


def test_what_is_unknown_is_absent() -> None:
    fields = read(f'type=USER_LOGIN {HEAD} addr=? hostname=? key=(null) acct="" terminal=ssh')

    assert fields.keys() & {"addr", "hostname", "key", "acct"} == set()
    assert fields["terminal"] == "ssh"


@pytest.mark.parametrize(
    ("rest", "user"),
    [
        ('auid=1004 AUID="ingrid"', "ingrid"),
        ("auid=1004 msg='op=x acct=\"olaf\" res=success'", "olaf"),
        ("auid=1004", "1004"),
        ('auid=4294967295 AUID="unset"', None),
        ("auid=4294967295", None),
    ],
)
def test_the_account_is_the_best_that_is_known(rest: str, user: str | None) -> None:
    assert read(f"type=USER_CMD {HEAD} {rest}").get("user.name") == user


@pytest.mark.parametrize(
    ("said", "outcome"),
    [("success=yes", "success"), ("success=no", "failure"), ("res=failed", "failure")],
)
def test_the_outcome_is_told(said: str, outcome: str) -> None:
    assert read(f"type=X {HEAD} {said}")["event.outcome"] == outcome


@pytest.mark.parametrize(
    "call",
    ["arch=c000003e syscall=59", "arch=c00000b7 syscall=221", "arch=1 syscall=2 SYSCALL=execve"],
)
def test_execve_is_a_process_creation(call: str) -> None:
    fields = read(f'type=SYSCALL {HEAD} {call} exe="/usr/bin/id"')

    assert fields["Image"] == "/usr/bin/id"
    assert fields["logsource.category"] == "process_creation"


def test_other_calls_are_not() -> None:
    assert "Image" not in read(f'type=SYSCALL {HEAD} arch=c000003e syscall=2 exe="/usr/bin/id"')


def test_arguments_make_a_command_line_as_far_as_they_are_there() -> None:
    fields = read(f'type=EXECVE {HEAD} argc=4 a0="ls" a1="-l" a3="x"')

    assert fields["CommandLine"] == fields["process.command_line"] == "ls -l"


@pytest.mark.parametrize("text", ["type=X", "type=X msg=other", "hello msg=audit(1.0:1):"])
def test_other_texts_are_no_records(text: str) -> None:
    assert not recognises(text)


def test_a_head_that_is_broken_adds_nothing() -> None:
    fields: dict[str, Value] = {}

    assert parse("type=X msg=audit(abc): a=1", fields, NOON) is None
    assert fields == {}
