import json
from pathlib import Path

import pytest

from detections.errors import LogSourceInvalid
from detections.log_source import (
    EventSources,
    LogSource,
    parse_log_source,
    sources_of,
    windows_categories,
    windows_services,
)
from pipeline.schema.event import Value


def test_the_windows_table_says_what_the_sigma_set_says(sigma_set: Path) -> None:
    known = json.loads((sigma_set / "logsource-map.json").read_text())

    for channel, services in known["channel_to_services"].items():
        assert windows_services(channel) == frozenset(services), channel
        assert windows_services(channel.upper()) == frozenset(services), channel
    for entry in known["windows_categories"]:
        found = windows_categories(
            [entry["service"]], entry["EventID"], entry["conditions"].get("EventType")
        )
        assert entry["category"] in found, entry


@pytest.mark.parametrize("channel", ["", "Microsoft-Windows-Security", "sysmon/operational", "X"])
def test_a_channel_that_sigma_has_no_word_for_has_no_service(channel: str) -> None:
    assert windows_services(channel) == frozenset()


@pytest.mark.parametrize("number", [12, "12", 12.0])
@pytest.mark.parametrize(
    ("event_type", "category"),
    [
        ("CreateKey", {"registry_event", "registry_add"}),
        ("DeleteValue", {"registry_event", "registry_delete"}),
        (None, {"registry_event"}),
    ],
)
def test_a_registry_event_says_by_its_type_what_happened(
    number: int | str | float, event_type: str | None, category: set[str]
) -> None:
    assert windows_categories(["sysmon"], number, event_type) == category


def test_an_event_says_itself_what_it_belongs_to() -> None:
    found = sources_of({"logsource.product": "Linux", "logsource.service": ["sshd", "auth"]})

    assert found == EventSources(frozenset({"linux"}), frozenset(), frozenset({"sshd", "auth"}))


def test_a_windows_event_is_known_by_channel_and_event_id() -> None:
    event: dict[str, Value] = {
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "EventID": 13,
    }
    categories = frozenset({"registry_event", "registry_set"})

    assert sources_of(event) == EventSources(
        frozenset({"windows"}), categories, frozenset({"sysmon"})
    )
    assert sources_of({**event, "logsource.product": "windows"}) == sources_of(event)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Channel": "Security"},
        {"EventID": 1},
        {"Channel": "Security", "EventID": 4688, "logsource.product": "slack"},
    ],
)
def test_an_event_that_is_not_from_windows_is_not_taken_for_it(event: dict[str, str]) -> None:
    assert "windows" not in sources_of(event).products


@pytest.mark.parametrize("number", [float("inf"), [1], True, "x"])
def test_an_event_id_that_is_none_stops_nothing(number: float | list[int] | bool | str) -> None:
    event = {"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": number}

    assert sources_of(event).categories == frozenset()  # type: ignore[arg-type]


def test_a_rule_is_meant_for_events_that_have_all_it_names() -> None:
    event = EventSources(frozenset({"linux"}), frozenset(), frozenset({"sshd", "auth"}))

    assert event.admits(LogSource("linux"))
    assert event.admits(LogSource(service="auth"))
    assert not event.admits(LogSource("linux", "process_creation"))
    assert not event.admits(LogSource("windows", service="auth"))


def test_options_name_log_sources() -> None:
    assert parse_log_source([]) is None
    assert parse_log_source(["product=AWS,service=a", "service=b"]) == EventSources(
        frozenset({"aws"}), frozenset(), frozenset({"a", "b"})
    )


@pytest.mark.parametrize("option", ["", "product", "product=", "vendor=x", "product=a,,"])
def test_an_option_that_names_nothing_is_an_error(option: str) -> None:
    with pytest.raises(LogSourceInvalid, match="is not product="):
        parse_log_source([option])
