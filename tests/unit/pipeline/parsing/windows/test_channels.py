"""Channels and event ids to Sigma's services and categories."""

import pytest

from pipeline.parsing.windows.channels import CATEGORIES, SERVICES, log_source_fields

SYSMON = "Microsoft-Windows-Sysmon/Operational"


@pytest.mark.parametrize(
    ("channel", "event_id", "event_type", "services", "category"),
    [
        ("Security", 4688, "", ["security"], "process_creation"),
        ("SECURITY", 4624, "", ["security"], None),
        (SYSMON, 1, "", ["sysmon"], "process_creation"),
        (SYSMON, 12, "CreateKey", ["sysmon"], ["registry_event", "registry_add"]),
        (SYSMON, 12, "DeleteValue", ["sysmon"], ["registry_event", "registry_delete"]),
        (SYSMON, 12, "Other", ["sysmon"], "registry_event"),
        (SYSMON, 13, "", ["sysmon"], ["registry_event", "registry_set"]),
        ("PowerShellCore/Operational", 4104, "", ["powershell"], "ps_script"),
        ("Microsoft-Windows-Windows Defender/Operational", 1116, "", ["windefend"], "antivirus"),
        ("Microsoft-Windows-LDAP-Client/Debug", 30, "", ["ldap", "ldap_debug"], None),
        ("A Vendor/Log", 1, "", None, None),
        ("", -1, "", None, None),
    ],
)
def test_an_event_has_its_services_and_categories(
    channel: str,
    event_id: int,
    event_type: str,
    services: list[str] | None,
    category: str | list[str] | None,
) -> None:
    fields = log_source_fields(channel, event_id, event_type)

    assert fields["logsource.product"] == "windows"
    assert fields.get("logsource.service") == services
    assert fields.get("logsource.category") == category


def test_channels_are_in_lower_case_and_categories_belong_to_services() -> None:
    known = {service for services in SERVICES.values() for service in services}

    assert all(channel == channel.lower() for channel in SERVICES)
    assert {service for service, _ in CATEGORIES} <= known
