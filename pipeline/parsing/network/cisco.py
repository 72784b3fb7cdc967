"""Cisco IOS, NX-OS and ASA: ``%FACILITY-SEVERITY-MNEMONIC: text``.

Services follow the facility: routing protocols have their own, everything about who did what is
``aaa``, as Sigma's rules have it. ASA's denials are also Sigma's ``firewall``.
"""

import re

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="cisco", services=("aaa",))
_BY_FACILITY = {
    "BGP": LogSource(product="cisco", services=("bgp",)),
    "LDP": LogSource(product="cisco", services=("ldp",)),
    "TDP": LogSource(product="cisco", services=("ldp",)),
}
_FIREWALL = LogSource(product="cisco", category="firewall", services=("aaa",))

_MNEMONIC = re.compile(r"%([A-Z][A-Z0-9_]{0,63}+)-(?:[A-Z0-9_]{1,63}+-)?([0-7])-([A-Z0-9_]{1,63}+)")
_USER = re.compile(r"[Uu]ser(?:name)?[: ]\s?'?([^\s',\]]{1,128})")
_COMMAND = re.compile(r"logged command:(.{0,4096})")
_ADDRESS = re.compile(r"(?:\[Source: |\(| from )(\d{1,3}(?:\.\d{1,3}){3})\b")
_DENY = re.compile(
    r"Deny (\w{1,16}) (?:\(.{0,64}?\) )?src ([^\s:]{1,64}):([^\s/]{1,64})/(\d{1,5})"
    r" dst ([^\s:]{1,64}):([^\s/]{1,64})/(\d{1,5})"
)


def recognises(text: str) -> bool:
    """Whether a text begins with Cisco's mnemonic."""
    return text[:1] == "%" and _MNEMONIC.match(text) is not None


def parse(message: str, fields: dict[str, Value]) -> None:
    """Add facility, severity and mnemonic, the user, the command and the connection."""
    mnemonic = _MNEMONIC.match(message)
    if mnemonic is None:
        return
    fields["cisco.facility"] = mnemonic[1]
    fields["cisco.severity"] = int(mnemonic[2])
    fields["event.code"] = mnemonic[3]
    if source := _BY_FACILITY.get(mnemonic[1]):
        fields.update(source.fields)
    elif denied := _DENY.search(message, mnemonic.end(), 1_024):
        _add_denied(denied, fields)
    else:
        _add_user(message, fields)


def _add_denied(denied: re.Match[str], fields: dict[str, Value]) -> None:
    fields.update(_FIREWALL.fields)
    fields["event.action"] = "deny"
    fields["event.outcome"] = "failure"
    fields["network.transport"] = denied[1].lower()
    fields["src_ip"] = fields["source.ip"] = denied[3]
    fields["src_port"] = fields["source.port"] = number(denied[4])
    fields["dst_ip"] = fields["destination.ip"] = denied[6]
    fields["dst_port"] = fields["destination.port"] = number(denied[7])


def _add_user(message: str, fields: dict[str, Value]) -> None:
    if user := _USER.search(message, 0, 1_024):
        fields["user.name"] = user[1]
    if address := _ADDRESS.search(message, 0, 1_024):
        fields["source.ip"] = address[1]
    if command := _COMMAND.search(message):
        fields["process.command_line"] = command[1]
