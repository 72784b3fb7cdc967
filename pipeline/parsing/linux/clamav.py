"""ClamAV: files that hold malware, in Sigma's antivirus names (``Filename``, ``Signature``)."""

from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("clamav", "syslog"))
PROGRAMS = ("clamd", "clamav", "clamscan", "clamdscan", "clamonacc", "freshclam", "clamav-milter")


def parse(message: str, fields: dict[str, Value]) -> None:
    """``/srv/up/x.exe: Win.Trojan.Agent-1 FOUND``; the path may hold colons and spaces."""
    if not message.endswith(" FOUND"):
        return
    filename, _, signature = message[:-6].rpartition(": ")
    if filename:
        fields["Filename"] = filename
        fields["Signature"] = signature
        fields["event.action"] = "FOUND"
