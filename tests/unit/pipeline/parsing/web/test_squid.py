"""Squid's lines under Sigma's proxy names."""

from datetime import UTC, datetime

import pytest

from pipeline.parsing.web.squid import parse, recognises
from pipeline.schema.event import Value

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def read(rest: str) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    line = f"1772366341.500     87 10.0.0.3 {rest}"
    assert recognises(line)
    assert parse(line, fields, NOON) == datetime(2026, 3, 1, 11, 59, 1, 500_000, tzinfo=UTC)
    return fields


def test_a_request_says_everything() -> None:
    fields = read(
        "TCP_MISS/200 4512 GET http://a.example:8080/d/tool.TAR?x=1 bob HIER_DIRECT/203.0.113.80"
        ' text/html "curl/8"'
    )

    assert fields["src_ip"] == fields["source.ip"] == "10.0.0.3"
    assert (fields["sc-status"], fields["sc-bytes"], fields["time-taken"]) == (200, 4512, 87)
    assert fields["c-uri"] == "http://a.example:8080/d/tool.TAR?x=1"
    assert (fields["cs-host"], fields["cs-uri"]) == ("a.example", "/d/tool.TAR?x=1")
    assert (fields["c-uri-stem"], fields["c-uri-query"]) == ("/d/tool.TAR", "x=1")
    assert fields["c-uri-extension"] == "tar"
    assert (fields["cs-username"], fields["dst_ip"]) == ("bob", "203.0.113.80")
    assert (fields["c-useragent"], fields["event.outcome"]) == ("curl/8", "success")


def test_a_tunnel_has_a_host_and_no_path() -> None:
    fields = read("TCP_DENIED/200 0 CONNECT a.example:443 - HIER_NONE/- -")

    assert fields["cs-host"] == "a.example"
    assert fields["event.outcome"] == "failure"
    assert fields.keys() & {"cs-uri", "cs-username", "dst_ip", "cs-content-type"} == set()


@pytest.mark.parametrize("uri", ["http://[::1/", "error:invalid-request", "/"])
def test_an_address_of_nothing_is_kept_as_it_is(uri: str) -> None:
    assert read(f"NONE/400 0 GET {uri} - HIER_NONE/- text/html")["c-uri"] == uri


def test_a_line_that_is_none_adds_nothing() -> None:
    fields: dict[str, Value] = {}

    assert parse("1772366341.500 and so on", fields, NOON) is None
    assert fields == {}


@pytest.mark.parametrize("text", ["", "1772366341", "177236634a.500 ", "1772366341.5x0"])
def test_other_texts_are_not_recognised(text: str) -> None:
    assert not recognises(text)
