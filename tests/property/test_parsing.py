"""Parsers against anything: they never raise, never lose the text, never take quadratic time."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.parsing.detect import Dialect, Parsed, parse
from pipeline.schema.codec import decode_event, encode_event
from pipeline.schema.event import Event, Kind
from pipeline.schema.fields import with_ecs

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIALECTS = st.sampled_from(Dialect)

# How messages of every parser begin, so that arbitrary bytes after them reach its inside.
BEGINNINGS = [
    b"",
    b"<",
    b"<34>",
    b"<34>1 ",
    b'<34>1 2026-03-01T12:00:00Z h p 1 - [a b="',
    b"<34>1 2026-03-01T12:00:00Z h p 1 m - ",
    b"<34>Mar  1 11:59:00 ",
    b"<34>Mar  1 11:59:00 h ",
    b"<34>2026-03-01T11:59:00Z h ",
    b"<34>45: *Mar  1 11:59:00.",
    *(
        b"<34>Mar  1 11:59:00 h " + program + b"[1]: "
        for program in (
            b"CRON",
            b"clamd",
            b"dnsmasq",
            b"gpasswd",
            b"kernel",
            b"named",
            b"nginx",
            b"squid",
            b"sshd",
            b"su",
            b"sudo",
            b"sysmon",
            b"useradd",
            b"usermod",
            b"x",
        )
    ),
    b"<34>Mar  1 11:59:00 h sshd[1]: Accepted ",
    b"<34>Mar  1 11:59:00 h sshd[1]: Failed password for ",
    b"<34>Mar  1 11:59:00 h sshd[1]: Invalid user ",
    b"<34>Mar  1 11:59:00 h sshd[1]: Connection closed by ",
    b"<34>Mar  1 11:59:00 h sshd[1]: pam_unix(sshd:auth): authentication failure; ",
    b"<34>Mar  1 11:59:00 h sudo: bob : TTY=",
    b"<34>Mar  1 11:59:00 h kernel: [UFW BLOCK] IN=e SRC=1 DST=2 ",
    b"<34>Mar  1 11:59:00 h named[1]: client @0x1 10.0.0.1#5 (",
    b'<34>Mar  1 11:59:00 h sysmon: <Event><System><EventID>1</EventID><Data Name="',
    b"%ASA-4-106023: Deny tcp src ",
    b"%SYS-5-CONFIG_I: ",
    b"type=EXECVE msg=audit(1772366401.123:901): ",
    b"node=a type=SYSCALL msg=audit(1772366401.123:901): exe=",
    b'date=2026-03-01 time=12:00:01 devname="a" ',
    b'203.0.113.9 - - [01/Mar/2026:12:00:01 +0000] "',
    b'203.0.113.9 - - [01/Mar/2026:12:00:01 +0000] "GET / HTTP/1.1" 200 ',
    b"1772366401.123    120 10.1.2.3 TCP_MISS/200 4512 GET ",
    b"{",
    b'{"Channel":"Security","EventID":',
    b'{"Event":{"System":{"EventID":',
    b'{"winlog":{"event_data":',
    b'<34>@cee: {"a":',
]
BYTES = st.binary(max_size=200) | st.text(max_size=200).map(str.encode)


def assert_sound(found: Parsed) -> None:
    """It can be carried, nothing is lost on the way, and its ECS names are complete."""
    event = Event(
        id="018f0000-0000-7000-8000-000000000000",
        kind=Kind.LOG,
        time=found.time or NOON,
        observed_time=NOON,
        source="syslog:10.0.0.7",
        fields=found.fields,
    )
    assert decode_event(encode_event(event)) == event
    assert isinstance(found.fields["message"], str)
    assert with_ecs(dict(found.fields)) == found.fields
    assert found.time is None or found.time.tzinfo is not None
    assert len(found.fields) < 1_100


@given(message=BYTES, dialect=DIALECTS)
def test_any_bytes_are_an_event(message: bytes, dialect: Dialect) -> None:
    assert_sound(parse(message, received=NOON, dialect=dialect))


@settings(max_examples=500)
@given(beginning=st.sampled_from(BEGINNINGS), rest=BYTES, dialect=DIALECTS)
@example(beginning=b"<34>1 ", rest=b"0001-01-01T00:00:00+23:59 h p - - - x", dialect=Dialect.SYSLOG)
@example(beginning=b"<34>Mar  1 11:59:00 h p[", rest=b"9" * 5_000 + b"]: x", dialect=Dialect.SYSLOG)
@example(beginning=b'{"a":', rest=b"1" * 5_000 + b"}", dialect=Dialect.JSON)
@example(beginning=b'{"a":', rest=b'"\\ud800"}', dialect=Dialect.JSON)
@example(
    beginning=BEGINNINGS[-12],
    rest=b" ".join(b"a%d=b" % i for i in range(3_000)),
    dialect=Dialect.LINE,
)
@example(beginning=b'{"time":', rest=b"1e300}", dialect=Dialect.JSON)
def test_any_bytes_after_an_honest_beginning_are_an_event(
    beginning: bytes, rest: bytes, dialect: Dialect
) -> None:
    assert_sound(parse(beginning + rest, received=NOON, dialect=dialect))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
# The names by which documents are recognised, so that recognisers meet values of every type.
NAMES = [
    "Channel", "EventID", "Event", "System", "EventData", "UserData", "winlog", "event_data",
    "Computer", "Hostname", "EventType", "eventSource", "eventName", "awsRegion", "userIdentity",
    "protoPayload", "kind", "verb", "objectRef", "apiVersion", "eventType", "actor", "published",
    "Workload", "Operation", "operationName", "resourceId", "category", "properties", "logtype",
    "node_id", "event_type_id", "user_id", "isotimestamp", "action", "username", "auditType",
    "ts", "uid", "id", "id.orig_h", "_path", "@stream", "org", "_document_id",
    "__REALTIME_TIMESTAMP", "MESSAGE", "SYSLOG_IDENTIFIER", "PRIORITY", "message", "msg", "time",
    "@timestamp", "IpAddress", "TargetUserName", "User", "type",
]  # fmt: skip


@settings(max_examples=300)
@given(document=st.dictionaries(st.sampled_from(NAMES), JSON_VALUES, max_size=12))
def test_any_document_with_known_names_is_an_event(document: dict[str, object]) -> None:
    message = json.dumps(document).encode("utf-8", "replace")

    assert_sound(parse(message, received=NOON, dialect=Dialect.JSON))


FILLINGS = [
    b" ", b"a", b"a ", b'"', b'\\"', b"\\", b"a=", b"a=b ", b'a="', b"[", b"]", b"[a ", b"(", b")",
    b": ", b":", b" from ", b" port ", b" for ", b" by ", b"9", b"9.", b"<", b"<a", b'<Data Name="',
    b"%A-", b"/", b" ; ", b"COMMAND=", b"'", b"aF", b"\xff", b"\xe2\x82\xac", b"{", b'{"a":',
    b" src ", b" dst ", b"user ", b'] "', b"&amp;", b"A-1-", b" a=\"b\"", b"1: ", b"a" * 255 + b" ",
]  # fmt: skip


@pytest.mark.timeout(60)  # quadratic work on 64 KiB takes minutes
@pytest.mark.parametrize("filling", FILLINGS, ids=repr)
def test_64_kilobytes_of_anything_repeated_take_no_time_to_speak_of(filling: bytes) -> None:
    garbage = (filling * (65_536 // len(filling) + 1))[:65_536]

    for beginning in BEGINNINGS:
        for dialect in Dialect:
            parse(beginning + garbage, received=NOON, dialect=dialect)
