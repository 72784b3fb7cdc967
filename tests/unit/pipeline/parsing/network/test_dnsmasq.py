"""dnsmasq's queries and answers."""

import pytest

from pipeline.parsing.network.dnsmasq import parse
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "query[A] a.example from 10.0.0.3",
            {
                "query": "a.example",
                "record_type": "A",
                "src_ip": "10.0.0.3",
                "source.ip": "10.0.0.3",
                "event.action": "query",
            },
        ),
        (
            "reply a.example is 203.0.113.80",
            {"query": "a.example", "answer": "203.0.113.80", "event.action": "reply"},
        ),
        (
            "forwarded a.example to 192.0.2.53",
            {
                "query": "a.example",
                "dst_ip": "192.0.2.53",
                "destination.ip": "192.0.2.53",
                "event.action": "forwarded",
            },
        ),
        ("query[A] a.example to 10.0.0.3", {}),
        ("read /etc/hosts - 7 addresses", {}),
        ("started, version 2.90 cachesize 150", {}),
        ("", {}),
    ],
)
def test_reads_queries_and_answers(message: str, expected: dict[str, Value]) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert fields == expected


def test_extra_logging_puts_a_number_and_the_client_first() -> None:
    fields: dict[str, Value] = {}

    parse("91 10.0.0.3/40000 query[MX] a.example from 10.0.0.3", fields)

    assert (fields["query"], fields["record_type"], fields["src_ip"]) == (
        "a.example",
        "MX",
        "10.0.0.3",
    )
