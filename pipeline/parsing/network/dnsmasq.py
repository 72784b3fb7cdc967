"""dnsmasq: DNS queries and answers, in Sigma's names for ``dns``."""

from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(category="dns")
PROGRAMS = ("dnsmasq",)


def parse(message: str, fields: dict[str, Value]) -> None:
    """``query[A] example.com from 10.1.2.3``, ``reply example.com is 203.0.113.80``."""
    words = message.split(" ", 4)
    if len(words) < 4:
        return
    if words[0].isdecimal() and len(words) == 5:  # log-queries=extra: serial and client first
        fields["src_ip"] = fields["source.ip"] = words[1].partition("/")[0]
        words = message.split(" ", 6)[2:]
    verb, name, link, value = words[:4] if len(words) > 3 else ("", "", "", "")
    if verb.startswith("query[") and link == "from":
        fields["record_type"] = verb[6:].rstrip("]")
        fields["src_ip"] = fields["source.ip"] = value
        fields["event.action"] = "query"
    elif verb in ("reply", "cached", "config") and link == "is":
        fields["answer"] = value
        fields["event.action"] = verb
    elif verb == "forwarded" and link == "to":
        fields["dst_ip"] = fields["destination.ip"] = value
        fields["event.action"] = verb
    else:
        return
    fields["query"] = name
