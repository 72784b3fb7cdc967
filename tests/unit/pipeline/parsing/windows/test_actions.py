"""Security events in ECS names."""

import pytest

from pipeline.parsing.windows.actions import add_action
from pipeline.schema.event import Value


@pytest.mark.parametrize(
    ("channel", "event_id", "action", "outcome"),
    [
        ("Security", 4624, "logon", "success"),
        ("Security", 4625, "logon", "failure"),
        ("Security", 1102, "log_cleared", "success"),
        ("System", 104, "log_cleared", "success"),
        ("System", 7045, "service_installed", "success"),
        ("Security", 4776, "credentials_validated", None),
        ("Security", 9999, None, None),
        ("Application", 4624, None, None),
    ],
)
def test_an_event_id_says_what_was_done(
    channel: str, event_id: int, action: str | None, outcome: str | None
) -> None:
    fields: dict[str, Value] = {}

    add_action(channel, event_id, fields)

    assert (fields.get("event.action"), fields.get("event.outcome")) == (action, outcome)


def test_in_a_logon_the_target_acts() -> None:
    fields: dict[str, Value] = {"TargetUserName": "ingrid", "SubjectUserName": "PC-1$"}

    add_action("Security", 4624, fields)

    assert fields["user.name"] == "ingrid"


def test_in_account_management_the_subject_acts() -> None:
    fields: dict[str, Value] = {
        "TargetUserName": "Administrators",
        "SubjectUserName": "olaf",
        "MemberName": "-",
    }

    add_action("Security", 4732, fields)

    assert (fields["user.name"], fields["group.name"]) == ("olaf", "Administrators")
    assert "user.target.name" not in fields


def test_an_address_loses_its_ipv6_wrapping() -> None:
    fields: dict[str, Value] = {"IpAddress": "::ffff:203.0.113.9"}

    add_action("Security", 4625, fields)

    assert fields["source.ip"] == "203.0.113.9"
