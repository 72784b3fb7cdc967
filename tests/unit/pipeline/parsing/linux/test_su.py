"""su in both its wordings."""

import pytest

from pipeline.parsing.linux.su import parse
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("(to root) bob on pts/0", "success"),
        ("FAILED SU (to root) bob on pts/0", "failure"),
        ("Successful su for root by bob", "success"),
        ("FAILED su for root by bob", "failure"),
    ],
)
def test_who_became_whom(message: str, outcome: str) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert (fields["event.action"], fields["event.outcome"]) == ("su", outcome)
    assert (fields["user.name"], fields["user.target.name"]) == ("bob", "root")


def test_other_messages_are_left_alone() -> None:
    fields: dict[str, Value] = {}

    parse("bad su", fields)

    assert fields == {}
