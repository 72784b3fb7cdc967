"""RFC 3164 and everything that devices send instead of it."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.rfc3164 import parse

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A_MINUTE_AGO = datetime(2026, 3, 1, 11, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        "Mar  1 11:59:00",
        "Mar 01 11:59:00",
        "Mar 1 11:59:00",
        "Mar  1 2026 11:59:00",
        "2026 Mar  1 11:59:00",
        "Mar  1 11:59:00 2026",
        "Mar  1 11:59:00.000",
        "*Mar  1 11:59:00.000",
        ".Mar  1 11:59:00",
        "2026-03-01T11:59:00Z",
        "2026-03-01T11:59:00.000000+00:00",
        "2026-03-01T12:59:00+01:00",
        "2026-03-01 11:59:00",
        "2026-03-01 11:59:00,000",
    ],
)
def test_reads_every_way_of_writing_the_time(header: str) -> None:
    found = parse(f"{header} web1 cron[7]: hello: you", NOON)

    assert found.time == A_MINUTE_AGO
    assert (found.hostname, found.program, found.process_id) == ("web1", "cron", "7")
    assert found.text == "hello: you"


@pytest.mark.parametrize(
    ("line", "hostname", "program", "text"),
    [
        ("Mar  1 11:59:00 su: a failed", "", "su", "a failed"),
        ("Mar  1 11:59:00 su[9]: a failed", "", "su", "a failed"),
        ("Mar  1 11:59:00 web1 a text without a tag", "web1", "", "a text without a tag"),
        (
            "Mar  1 11:59:00 web1 postfix/smtpd[9]:  two spaces",
            "web1",
            "postfix/smtpd",
            " two spaces",
        ),
        ("Mar  1 11:59:00 web1 tag:no space", "web1", "tag", "no space"),
        ("Mar  1 11:59:00 fe80::1 su: by address", "fe80::1", "su", "by address"),
        ('Mar  1 11:59:00 web1 {"a": 1}', "web1", "", '{"a": 1}'),
        ('Mar  1 11:59:00 {"a": 1}', "", "", '{"a": 1}'),
        ("Mar  1 11:59:00 last message repeated 2 times", "", "", "last message repeated 2 times"),
        ("Mar  1 11:59:00 fw1 : %ASA-6-302013: Built", "fw1", "", "%ASA-6-302013: Built"),
        ("Mar 01 2026 11:59:00: %ASA-6-302013: Built", "", "", "%ASA-6-302013: Built"),
        ("Mar  1 11:59:00 CEF:0|a|b", "", "", "CEF:0|a|b"),
    ],
)
def test_tells_hostname_tag_and_text_apart(
    line: str, hostname: str, program: str, text: str
) -> None:
    found = parse(line, NOON)

    assert (found.time, found.hostname, found.program) == (A_MINUTE_AGO, hostname, program)
    assert found.text == text


@pytest.mark.parametrize(
    ("line", "hostname", "program", "text"),
    [
        ("su: 'su root' failed", "", "su", "'su root' failed"),
        ("box su[12]: failed", "box", "su", "failed"),
        ("Connection error: refused", "", "", "Connection error: refused"),
        ("Foo 99 12:00:01 is no time", "", "", "Foo 99 12:00:01 is no time"),
        ("date=2026-03-01 time=11:59:00", "", "", "date=2026-03-01 time=11:59:00"),
        ("", "", "", ""),
    ],
)
def test_reads_messages_without_a_timestamp(
    line: str, hostname: str, program: str, text: str
) -> None:
    found = parse(line, NOON)

    assert found.time is None
    assert (found.hostname, found.program, found.text) == (hostname, program, text)


@pytest.mark.parametrize(
    ("line", "hostname", "sequence"),
    [
        ("45: *Mar  1 11:59:00.000 UTC: %SYS-5-CONFIG_I: Configured", "", 45),
        ("45: rtr1: *Mar  1 11:59:00.000 UTC: %SYS-5-CONFIG_I: Configured", "rtr1", 45),
        ("000045: Mar  1 12:59:00.000 CET: %SYS-5-CONFIG_I: Configured", "", 45),
        ("45: Mar  1 11:59:00: %SYS-5-CONFIG_I: Configured", "", 45),
    ],
)
def test_reads_what_cisco_puts_before_its_messages(line: str, hostname: str, sequence: int) -> None:
    found = parse(line, NOON)

    assert found.time == A_MINUTE_AGO
    assert found.hostname == hostname
    assert found.fields == {"sequence": sequence}
    assert found.text == "%SYS-5-CONFIG_I: Configured"


def test_a_cisco_sequence_number_may_stand_alone() -> None:
    found = parse("45: %SYS-5-CONFIG_I: Configured", NOON)

    assert (found.fields, found.text) == ({"sequence": 45}, "%SYS-5-CONFIG_I: Configured")


@pytest.mark.parametrize(
    ("stamp", "received", "expected_year"),
    [
        ("Dec 31 23:59:59", datetime(2027, 1, 1, 0, 0, 2, tzinfo=UTC), 2026),
        ("Jan  1 00:00:03", datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC), 2027),
        ("Feb 29 12:00:00", datetime(2028, 3, 1, tzinfo=UTC), 2028),
        ("Feb 29 12:00:00", datetime(2029, 1, 10, tzinfo=UTC), 2028),
        ("Jul  1 12:00:00", datetime(2026, 12, 1, tzinfo=UTC), 2026),
    ],
)
def test_a_date_without_a_year_gets_the_nearest(
    stamp: str, received: datetime, expected_year: int
) -> None:
    found = parse(f"{stamp} web1 su: hello", received)

    assert found.time is not None
    assert found.time.year == expected_year


def test_a_day_that_no_near_year_has_is_no_time() -> None:
    found = parse("Feb 29 12:00:00 web1 su: hello", datetime(2026, 3, 1, tzinfo=UTC))

    assert found.time is None
    assert found.text.endswith("hello")
