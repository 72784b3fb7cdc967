"""BIND's queries."""

import pytest

from pipeline.parsing.network.bind import parse
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    "message",
    [
        "client @0x7f01 10.0.0.3#5353 (a.example): query: a.example IN AAAA +E(0)K (10.0.0.1)",
        "client 10.0.0.3#5353 (a.example): query: a.example IN AAAA + (10.0.0.1)",
        "queries: info: client 10.0.0.3#5353 (a.example): view in: query: a.example IN AAAA +",
    ],
)
def test_reads_a_query(message: str) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert (fields["query"], fields["record_type"]) == ("a.example", "AAAA")
    assert (fields["src_ip"], fields["source.port"]) == ("10.0.0.3", 5353)


def test_other_messages_are_left_alone() -> None:
    fields: dict[str, Value] = {}

    parse("zone example/IN: loaded serial 7", fields)

    assert fields == {}
