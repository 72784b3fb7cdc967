"""Sysmon for Linux: Windows' event XML in a syslog message.

The XML is written by one program in one way, so it is read by its two repeating patterns and
never handed to an XML parser: no entities, no external documents, no surprises.
"""

import re
from html import unescape

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value
from pipeline.schema.fields import with_ecs

LOG_SOURCE = LogSource(product="linux", services=("sysmon",))
PROGRAMS = ("sysmon",)

_CATEGORIES = {
    1: "process_creation",
    3: "network_connection",
    4: "sysmon_status",
    5: "process_termination",
    9: "raw_access_thread",
    11: "file_event",
    16: "sysmon_status",
    23: "file_delete",
}
_SOURCES = {
    event_id: LogSource(product="linux", category=category, services=("sysmon",))
    for event_id, category in _CATEGORIES.items()
}
_SYSTEM = re.compile(r"<(EventID|EventRecordID|Channel|Computer)>([^<]{0,1024}+)<")
_DATA = re.compile(r'<Data Name="([^"<]{1,128}+)">([^<]*+)<')


def parse(message: str, fields: dict[str, Value]) -> None:
    """Add EventData under Sysmon's names and the category of the EventID."""
    for name, value in _SYSTEM.findall(message):
        fields[name] = number(value)
    for name, value in _DATA.findall(message):
        fields[name] = unescape(value) if "&" in value else value
    event_id = fields.get("EventID")
    if isinstance(event_id, int) and event_id in _SOURCES:
        fields.update(_SOURCES[event_id].fields)
    if image := fields.get("Image"):
        fields["process.name"] = image
    with_ecs(fields)
