"""ClamAV's findings."""

import pytest

from pipeline.parsing.linux.clamav import parse
from pipeline.schema.event import Value


def test_a_finding_names_file_and_signature() -> None:
    fields: dict[str, Value] = {}

    parse("/srv/a b: c.exe: Win.Trojan.Agent-1 FOUND", fields)

    assert fields == {
        "Filename": "/srv/a b: c.exe",
        "Signature": "Win.Trojan.Agent-1",
        "event.action": "FOUND",
    }


@pytest.mark.parametrize("message", ["SelfCheck: Database status OK.", " FOUND", ""])
def test_other_messages_are_left_alone(message: str) -> None:
    fields: dict[str, Value] = {}

    parse(message, fields)

    assert fields == {}
