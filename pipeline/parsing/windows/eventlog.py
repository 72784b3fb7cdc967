"""Windows events in JSON, in the shapes that shippers give them.

- flat: EventData beside Channel and EventID (NXLog, Sysmon exports);
- ``Event.System`` and ``Event.EventData`` or ``UserData`` (evtx_dump, xml-to-json converters);
- ``winlog.channel`` and ``winlog.event_data`` (winlogbeat, Elastic agent).

All become the flat form, whose names Sigma's Windows rules use. Attributes of System's children
are joined by ``_`` (``Provider_Name``); spaces in names are removed (Defender's ``Threat Name``).
"""

from collections.abc import Mapping

from pipeline.parsing.windows.actions import add_action
from pipeline.parsing.windows.channels import log_source_fields
from pipeline.schema.event import Value
from pipeline.schema.fields import MESSAGE
from pipeline.schema.flatten import flatten

Document = Mapping[str, object]

_SCALARS = frozenset((str, int, float, bool))
_ATTRIBUTES = ("#attributes", "$", "@attributes")
# The field that tells a person most about an event, by which fields it has.
_TELLING = (
    "CommandLine",
    "TargetFilename",
    "TargetObject",
    "QueryName",
    "DestinationIp",
    "ImageLoaded",
    "ScriptBlockText",
    "ServiceName",
    "TaskName",
    "Image",
    "TargetUserName",
    "SubjectUserName",
)
_LONGEST_TOLD = 1_024


def recognises(document: Document) -> bool:
    """Whether a document is a Windows event in one of the shapes above."""
    if "Channel" in document:
        return "EventID" in document or "EventId" in document
    if "Event" in document:
        event = document["Event"]
        return isinstance(event, dict) and "System" in event
    return "winlog" in document and isinstance(document["winlog"], dict)


def parse(document: Document) -> dict[str, Value]:
    """The flat fields of an event that ``recognises`` accepted, with log source and message."""
    if "Channel" in document:
        fields = _flat(document)
    elif "Event" in document:
        fields = _from_xml(document)
    else:
        fields = _from_winlog(document)
    channel, event_id = str(fields.get("Channel", "")), _event_id(fields)
    _copy(fields, "Hostname", "Computer")
    if event_id == 4688:
        _copy(fields, "NewProcessName", "Image")
        _copy(fields, "ParentProcessName", "ParentImage")
    event_type = fields.get("EventType") if event_id == 12 else ""
    fields.update(log_source_fields(channel, event_id, str(event_type)))
    add_action(channel, event_id, fields)
    if MESSAGE not in fields:
        fields[MESSAGE] = _message(channel, event_id, fields)
    return fields


def _flat(document: Document) -> dict[str, Value]:
    fields = {name: value for name, value in document.items() if value.__class__ in _SCALARS}
    if len(fields) < len(document):  # something is nested or null: take the long way
        fields = flatten(document)  # type: ignore[assignment]
    if " " in "".join(fields):
        return {name.replace(" ", ""): value for name, value in fields.items()}  # type: ignore[misc]
    return fields  # type: ignore[return-value]


def _from_xml(document: Document) -> dict[str, Value]:
    event = document["Event"]
    assert isinstance(event, dict)
    fields: dict[str, Value] = {}
    system = event["System"]
    if isinstance(system, dict):
        for name, child in system.items():
            _add_system(fields, name, child)
    for part in ("EventData", "UserData", "RenderingInfo"):
        section = event.get(part)
        if isinstance(section, dict):
            _add_data(fields, section)
    if len(document) > 1:
        others = {name: value for name, value in document.items() if name != "Event"}
        for name, value in flatten(others).items():
            fields.setdefault(name, value)
    if "TimeCreated_SystemTime" in fields:
        fields.setdefault("@timestamp", fields["TimeCreated_SystemTime"])
    return fields


def _add_system(fields: dict[str, Value], name: str, child: object) -> None:
    """``Provider`` and its attributes become ``Provider_Name``, ``Provider_Guid``."""
    if child.__class__ in _SCALARS:
        fields[name] = child  # type: ignore[assignment]
        return
    if not isinstance(child, dict):
        fields.update(flatten({name: child}))
        return
    attributes: dict[str, object] = {}
    for inner, value in child.items():
        if inner in _ATTRIBUTES and isinstance(value, dict):
            attributes.update(value)
        elif inner in ("#text", "text", "_", "Value"):
            fields.update(flatten({name: value}))
        else:
            attributes[inner.lstrip("@")] = value
    for attribute, value in attributes.items():
        if value.__class__ in _SCALARS:
            fields[f"{name}_{attribute}"] = value  # type: ignore[assignment]
        else:
            fields.update(flatten({f"{name}_{attribute}": value}))


def _add_data(fields: dict[str, Value], section: Mapping[str, object]) -> None:
    for name, value in section.items():
        if value.__class__ in _SCALARS:
            fields.setdefault(name.replace(" ", ""), value)  # type: ignore[arg-type]
        elif name in _ATTRIBUTES:
            continue
        elif name == "Data" and isinstance(value, list) and _is_named(value):
            for item in value:
                fields[_name_of(item).replace(" ", "")] = str(item.get("#text", ""))
        elif name == "Data" and isinstance(value, dict) and "#text" in value:
            fields.update(flatten({"Data": value["#text"]}))
        elif isinstance(value, dict):
            _add_data(fields, value)  # UserData: one element that holds the names
        else:
            for flat, inner in flatten({name.replace(" ", ""): value}).items():
                fields.setdefault(flat, inner)
    fields.pop("xmlns", None)


def _is_named(items: list[object]) -> bool:
    return all(isinstance(item, dict) and _name_of(item) for item in items)


def _name_of(item: Mapping[str, object]) -> str:
    name = item.get("@Name") or item.get("Name")
    return name if isinstance(name, str) else ""


def _from_winlog(document: Document) -> dict[str, Value]:
    winlog = document["winlog"]
    assert isinstance(winlog, dict)
    fields = flatten({name: value for name, value in document.items() if name != "winlog"})
    for part in ("event_data", "user_data"):
        section = winlog.get(part)
        if isinstance(section, dict):
            _add_data(fields, section)
    for name, ours in _WINLOG_NAMES.items():
        if name in winlog:
            fields.update(flatten({ours: winlog[name]}))
    process = winlog.get("process")
    if isinstance(process, dict):
        fields.update(flatten({"Execution_ProcessID": process.get("pid")}))
    return fields


_WINLOG_NAMES = {
    "channel": "Channel",
    "event_id": "EventID",
    "computer_name": "Computer",
    "provider_name": "Provider_Name",
    "provider_guid": "Provider_Guid",
    "record_id": "EventRecordID",
    "task": "Task",
    "opcode": "Opcode",
    "keywords": "Keywords",
}


def _event_id(fields: dict[str, Value]) -> int:
    value = fields.get("EventID", fields.get("EventId", -1))
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return int(value)
    return -1


def _copy(fields: dict[str, Value], name: str, to: str) -> None:
    if name in fields and to not in fields:
        fields[to] = fields[name]


def _message(channel: str, event_id: int, fields: Mapping[str, Value]) -> str:
    text = fields.get("Message")
    if isinstance(text, str) and text:
        return text
    head = f"{channel} {event_id}"
    for name in _TELLING:
        value = fields.get(name)
        if value is not None and value != "-":
            return f"{head}: {str(value)[:_LONGEST_TOLD]}"
    return head
