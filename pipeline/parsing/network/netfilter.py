"""The Linux packet filter's log lines (iptables, nftables, ufw), in Sigma's ``firewall`` names."""

import re

from pipeline.parsing.key_value import pairs
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("syslog",))
FIREWALL = LogSource(product="linux", category="firewall", services=("syslog",))
PROGRAMS = ("kernel", "ulogd")

_UPTIME = re.compile(r"\[ {0,8}\d{1,10}\.\d{6}\] ")
_NAMES = {
    "SRC": ("src_ip", "source.ip"),
    "DST": ("dst_ip", "destination.ip"),
    "SPT": ("src_port", "source.port"),
    "DPT": ("dst_port", "destination.port"),
    "PROTO": ("proto", "network.transport"),  # the ECS one in lower case, below
}
_BLOCKED = ("BLOCK", "DROP", "REJECT", "DENY")
_ALLOWED = ("ALLOW", "ACCEPT")


def parse(message: str, fields: dict[str, Value]) -> None:
    """``[UFW BLOCK] IN=eth0 OUT= … SRC=203.0.113.9 DST=10.0.0.5 … PROTO=TCP SPT=1 DPT=22``."""
    if " SRC=" not in message or " DST=" not in message:
        return
    prefix, _, rest = message.partition("IN=")
    found = pairs("IN=" + rest)
    fields.update(FIREWALL.fields)
    for name, (sigma, ecs) in _NAMES.items():
        if name in found:
            fields[sigma] = fields[ecs] = found[name]
    if transport := found.get("PROTO"):
        fields["network.transport"] = str(transport).lower()
    for name in ("IN", "OUT", "MAC"):
        if value := found.get(name):
            fields[name] = value
    verdict = _UPTIME.sub("", prefix, count=1).strip(" []:").upper()
    if any(word in verdict for word in _BLOCKED):
        fields["event.action"], fields["event.outcome"] = "block", "failure"
    elif any(word in verdict for word in _ALLOWED):
        fields["event.action"], fields["event.outcome"] = "allow", "success"
