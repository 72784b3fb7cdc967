"""Requests as nginx logs them through syslog, in the combined format."""

from datetime import datetime

from appliance.demo.company import Machine
from appliance.demo.linux_logs import INFO, LOCAL7, syslog
from appliance.demo.message import DemoMessage


def request(
    time: datetime,
    machine: Machine,
    client: str,
    method: str,
    target: str,
    status: int,
    size: int,
    agent: str,
    *,
    referrer: str = "-",
    user: str = "-",
) -> DemoMessage:
    """One request; ``size`` are the bytes of the answer's body."""
    text = (
        f"{client} - {user} [{time:%d/%b/%Y:%H:%M:%S %z}]"
        f' "{method} {target} HTTP/1.1" {status} {size} "{referrer}" "{agent}"'
    )
    return syslog(time, machine, "nginx", None, text, facility=LOCAL7, severity=INFO)
