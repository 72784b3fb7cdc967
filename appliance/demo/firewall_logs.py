"""Traffic as a FortiGate logs it: key=value lines over UDP syslog, FortiOS 7's default format."""

from datetime import datetime
from zlib import crc32

from appliance.demo.company import Company
from appliance.demo.message import DemoMessage, Transport

_SERVICES = {22: "SSH", 23: "TELNET", 25: "SMTP", 53: "DNS", 80: "HTTP", 443: "HTTPS", 445: "SMB"}
_UDP_PORTS = frozenset({53, 123, 161, 1900})


def traffic(
    time: datetime,
    company: Company,
    source: tuple[str, int],
    destination: tuple[str, int],
    action: str,
    *,
    sent_bytes: int = 0,
    received_bytes: int = 0,
    seconds: int = 0,
) -> DemoMessage:
    """One session that the firewall let through (``close``, ``accept``) or not (``deny``)."""
    inbound = not source[0].startswith("10.")
    inside, outside = ("dmz", "wan1") if inbound else ("lan", "wan1")
    first, second = (outside, inside) if inbound else (inside, outside)
    protocol = 17 if destination[1] in _UDP_PORTS else 6
    service = _SERVICES.get(
        destination[1], f"{'udp' if protocol == 17 else 'tcp'}/{destination[1]}"
    )
    denied = action == "deny"
    line = (
        f"<{189 if not denied else 188}>date={time:%Y-%m-%d} time={time:%H:%M:%S}"
        f' devname="{company.firewall.name}" devid="{company.firewall_serial}"'
        f' eventtime={round(time.timestamp() * 1000)}000000 tz="+0000"'
        f' logid="00000000{13 if denied else 20}"'
        f' type="traffic" subtype="forward" level="{"warning" if denied else "notice"}" vd="root"'
        f' srcip={source[0]} srcport={source[1]} srcintf="{first}" srcintfrole="{first.strip("1")}"'
        f' dstip={destination[0]} dstport={destination[1]} dstintf="{second}"'
        f" sessionid={_session(source, destination, time)} proto={protocol}"
        f' action="{action}" policyid={0 if denied else 7} policytype="policy" service="{service}"'
        f" duration={seconds} sentbyte={sent_bytes} rcvdbyte={received_bytes}"
        f' sentpkt={sent_bytes // 1400} rcvdpkt={received_bytes // 1400} appcat="unscanned"'
    )
    return DemoMessage(time, Transport.SYSLOG_UDP, company.firewall.name, line.encode())


def _session(source: tuple[str, int], destination: tuple[str, int], time: datetime) -> int:
    """A session number that is the same in every run, unlike Python's ``hash`` of text."""
    return crc32(f"{source}{destination}{time.timestamp()}".encode()) % 10**8
