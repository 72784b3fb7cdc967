"""Access logs: who asked for what, in every variant of the format."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.web.access import parse, recognises
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = "[01/Mar/2026:11:59:00 +0000]"


def read(line: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    assert recognises(line)
    assert parse(line, fields, NOON) == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    return fields


def test_combined_says_everything() -> None:
    fields = read(f'192.0.2.1 - bob {STAMP} "GET /a?b=c HTTP/1.1" 200 512 "https://r/" "Agent/1"')

    assert fields["c-ip"] == fields["source.ip"] == "192.0.2.1"
    assert fields["cs-username"] == fields["user.name"] == "bob"
    assert fields["cs-method"] == fields["event.action"] == "GET"
    assert fields["cs-uri-query"] == "/a?b=c"
    assert fields["cs-uri-stem"] == fields["url.path"] == "/a"
    assert fields["cs-version"] == "HTTP/1.1"
    assert fields["sc-status"] == fields["http.response.status_code"] == 200
    assert fields["sc-bytes"] == 512
    assert fields["cs-referer"] == fields["http.request.referrer"] == "https://r/"
    assert fields["cs-user-agent"] == fields["user_agent.original"] == "Agent/1"
    assert fields["event.outcome"] == "success"


def test_dashes_are_absent() -> None:
    fields = read(f'192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 500 - "-" "-"')

    assert fields.keys() & {"cs-username", "sc-bytes", "cs-referer", "cs-user-agent"} == set()
    assert fields["event.outcome"] == "failure"


def test_common_has_no_referrer_and_no_agent() -> None:
    fields = read(f'192.0.2.1 - - {STAMP} "HEAD / HTTP/1.0" 304 0')

    assert (fields["cs-method"], fields["sc-status"], fields["sc-bytes"]) == ("HEAD", 304, 0)


def test_a_virtual_host_may_come_first() -> None:
    fields = read(f'www.example:443 192.0.2.1 - - {STAMP} "GET / HTTP/1.1" 200 1 "-" "-"')

    assert (fields["cs-host"], fields["c-ip"]) == ("www.example", "192.0.2.1")


def test_a_user_may_hold_spaces() -> None:
    fields = read(f'192.0.2.1 - bob the builder {STAMP} "GET / HTTP/1.1" 200 1')

    assert (fields["c-ip"], fields["cs-username"]) == ("192.0.2.1", "bob the builder")


@pytest.mark.parametrize(
    ("request_line", "query"),
    [
        ("GET /a b c HTTP/1.1", "/a b c"),
        ("GET /a", "/a"),
        ("GET http://x/y HTTP/1.1", "http://x/y"),
        (r"GET /\"x\" HTTP/1.1", '/"x"'),
    ],
)
def test_the_query_is_all_between_method_and_version(request_line: str, query: str) -> None:
    assert read(f'192.0.2.1 - - {STAMP} "{request_line}" 200 1 "-" "-"')["cs-uri-query"] == query


@pytest.mark.parametrize("request_line", [r"\x16\x03\x01", "-", ""])
def test_what_is_no_request_leaves_the_rest_readable(request_line: str) -> None:
    fields = read(f'192.0.2.1 - - {STAMP} "{request_line}" 400 0 "-" "Agent \\"1\\""')

    assert "cs-method" not in fields
    assert (fields["sc-status"], fields["cs-user-agent"]) == (400, 'Agent "1"')


def test_a_line_that_is_cut_keeps_what_is_there() -> None:
    assert read(f'192.0.2.1 - - {STAMP} "GET /a')["cs-uri-stem"] == "/a"
    assert read(f'192.0.2.1 - - {STAMP} "GET /a\\" b HTTP/1.1')["cs-uri-stem"] == '/a" b'


@pytest.mark.parametrize("text", ["hello", '[error] "x"', '192.0.2.1 [yesterday] "GET /"', ""])
def test_other_texts_are_no_access_logs(text: str) -> None:
    assert not recognises(text)
