"""Windows events in every shape become the flat one."""

import pytest

from pipeline.parsing.windows.eventlog import parse, recognises
from pipeline.schema.event import Value

FLAT: dict[str, object] = {
    "Channel": "Security",
    "EventID": 4688,
    "Computer": "PC-1",
    "NewProcessName": "C:\\a.exe",
    "ParentProcessName": "C:\\b.exe",
}
SYSTEM = {"EventID": 4688, "Channel": "Security", "Computer": "PC-1"}
DATA = {"NewProcessName": "C:\\a.exe", "ParentProcessName": "C:\\b.exe"}
NESTED: dict[str, object] = {"Event": {"System": SYSTEM, "EventData": DATA}}
NAMED: dict[str, object] = {
    "Event": {
        "System": {"EventID": {"#text": 4688}, "Channel": "Security", "Computer": "PC-1"},
        "EventData": {"Data": [{"@Name": name, "#text": value} for name, value in DATA.items()]},
    }
}
WINLOG: dict[str, object] = {
    "winlog": {
        "channel": "Security",
        "event_id": 4688,
        "computer_name": "PC-1",
        "event_data": DATA,
    }
}


@pytest.mark.parametrize("document", [FLAT, NESTED, NAMED, WINLOG])
def test_all_shapes_say_the_same(document: dict[str, object]) -> None:
    assert recognises(document)

    fields = parse(document)

    assert fields["EventID"] == 4688
    assert (fields["Channel"], fields["Computer"]) == ("Security", "PC-1")
    assert (fields["Image"], fields["ParentImage"]) == ("C:\\a.exe", "C:\\b.exe")
    assert fields["NewProcessName"] == "C:\\a.exe"
    assert fields["logsource.category"] == "process_creation"
    assert fields["message"] == "Security 4688: C:\\a.exe"


@pytest.mark.parametrize(
    "document",
    [{}, {"Channel": "x"}, {"Event": "x"}, {"Event": {}}, {"winlog": 1}, {"EventID": 1}],
)
def test_other_documents_are_not_recognised(document: dict[str, object]) -> None:
    assert not recognises(document)


def test_attributes_are_joined_to_the_name_of_their_element() -> None:
    system = {
        **SYSTEM,
        "Provider": {"#attributes": {"Name": "P", "Guid": "{1}"}},
        "TimeCreated": {"#attributes": {"SystemTime": "2026-03-01T11:59:00Z"}},
        "Security": None,
    }

    fields = parse({"Event": {"System": system}})

    assert (fields["Provider_Name"], fields["Provider_Guid"]) == ("P", "{1}")
    assert fields["@timestamp"] == fields["TimeCreated_SystemTime"] == "2026-03-01T11:59:00Z"


def test_user_data_is_read_through_its_one_element() -> None:
    user_data = {"LogFileCleared": {"#attributes": {"xmlns": "m"}, "SubjectUserName": "olaf"}}

    fields = parse({"Event": {"System": SYSTEM | {"EventID": 1102}, "UserData": user_data}})

    assert fields["SubjectUserName"] == fields["user.name"] == "olaf"
    assert "xmlns" not in fields


def test_spaces_in_names_are_removed_and_lists_are_kept() -> None:
    fields = parse({**FLAT, "Threat Name": "x", "Data": ["a", "b"], "Empty": None})

    assert (fields["ThreatName"], fields["Data"]) == ("x", ["a", "b"])
    assert "Empty" not in fields


@pytest.mark.parametrize(
    ("value", "category"),
    [("4688", "process_creation"), ("", None), ("x", None), (None, None), ([1], None)],
)
def test_an_event_id_may_be_text_and_may_be_nonsense(value: object, category: Value) -> None:
    fields = parse({**FLAT, "EventID": value})

    assert fields.get("logsource.category") == category


def test_a_host_name_stands_in_for_a_computer_and_its_own_text_for_ours() -> None:
    fields = parse({"Channel": "System", "EventID": 1, "Hostname": "PC-2", "Message": "hello"})

    assert (fields["Computer"], fields["message"]) == ("PC-2", "hello")
