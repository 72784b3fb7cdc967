"""FortiGate: key=value lines of traffic, events and protection.

The service is the log's ``type``. Traffic is also Sigma's ``firewall``, under its names.
"""

from datetime import datetime

from pipeline.parsing.key_value import pairs
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.timestamp import from_epoch, from_iso, zone_of
from pipeline.schema.event import Value
from pipeline.schema.fields import LOGSOURCE_SERVICE

LOG_SOURCE = LogSource(product="fortigate", services=("event",))
TRAFFIC = LogSource(product="fortigate", category="firewall", services=("traffic",))

_FIREWALL_NAMES = {
    "srcip": ("src_ip", "source.ip"),
    "srcport": ("src_port", "source.port"),
    "dstip": ("dst_ip", "destination.ip"),
    "dstport": ("dst_port", "destination.port"),
    "user": ("username", "user.name"),
}
_DENIED = frozenset({"deny", "blocked", "block", "dropped", "ip-conn"})


def recognises(text: str) -> bool:
    """Whether a text begins as FortiOS's default syslog format does."""
    return text.startswith(("date=", "logver=")) and ' devname="' in text[:200]


def parse(text: str, fields: dict[str, Value], received: datetime) -> datetime | None:
    """Add every pair; return the device's time, by eventtime where it has one."""
    found = pairs(text)
    fields.update(found)
    fields["message"] = found.get("msg") or found.get("logdesc") or text
    if found.get("type") == "traffic":
        fields.update(TRAFFIC.fields)
        for name, (sigma, ecs) in _FIREWALL_NAMES.items():
            if name in found:
                fields[sigma] = fields[ecs] = found[name]
        denied = found.get("action") in _DENIED
        fields["event.outcome"] = "failure" if denied else "success"
    else:
        fields[LOGSOURCE_SERVICE] = [str(found.get("type", "event"))]
        if found.get("status") in ("success", "failed"):
            fields["event.outcome"] = "success" if found["status"] == "success" else "failure"
    return _time(found, received)


def _time(found: dict[str, Value], received: datetime) -> datetime | None:
    stamp = from_iso(f"{found.get('date')} {found.get('time')}", received)
    zone = zone_of(str(found.get("tz", "")))
    if stamp is not None and zone is not None:
        return stamp.replace(tzinfo=zone)
    eventtime = found.get("eventtime")
    return from_epoch(eventtime) if isinstance(eventtime, int) else stamp
