"""Squid's native access log, with a quoted user agent appended if the administrator did so.

Names are Sigma's for ``proxy``: ``c-uri`` is the whole address, ``cs-uri`` path and query.
"""

import re
from datetime import datetime
from urllib.parse import urlsplit

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.timestamp import from_epoch
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(category="proxy")
PROGRAMS = ("squid", "(squid-1)", "squid4", "squid5")

_LINE = re.compile(
    r"(\d{9,11}\.\d{3}) +(\d{1,12}) (\S{1,64}+) ([A-Z_]{1,64}+)/(\d{3}) (\d{1,18}+)"
    r" ([A-Z_-]{1,32}+) (\S++) (\S{1,256}+) ([A-Z_]{1,64}+)/(\S{1,256}+) (\S{1,256}+)"
    r"(?: \"([^\"]*+)\")?"
)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})\Z")


def recognises(text: str) -> bool:
    """Whether a text begins with seconds and milliseconds as Squid writes them."""
    return text[10:11] == "." and text[:10].isdecimal() and text[11:14].isdecimal()


def parse(text: str, fields: dict[str, Value], received: datetime) -> datetime | None:
    """Add the request's fields; return its time, None where the line is no such line."""
    line = _LINE.match(text)
    if line is None:
        return None
    seconds, duration, client, verdict, status, size, method, uri, user, _, peer, kind, agent = (
        line.groups()
    )
    fields["src_ip"] = fields["source.ip"] = client
    fields["squid.verdict"] = verdict
    fields["time-taken"] = number(duration)
    fields["sc-status"] = fields["http.response.status_code"] = int(status)
    fields["event.outcome"] = "failure" if "DENIED" in verdict or status >= "400" else "success"
    fields["sc-bytes"] = number(size)
    fields["cs-method"] = fields["event.action"] = method
    fields["c-uri"] = fields["url.full"] = uri
    _add_uri(method, uri, fields)
    if user != "-":
        fields["cs-username"] = fields["user.name"] = user
    if peer != "-":
        fields["dst_ip"] = fields["destination.ip"] = peer
    if kind != "-":
        fields["cs-content-type"] = kind
    if agent and agent != "-":
        fields["c-useragent"] = fields["user_agent.original"] = agent
    return from_epoch(float(seconds))


def _add_uri(method: str, uri: str, fields: dict[str, Value]) -> None:
    if method == "CONNECT":
        fields["cs-host"] = uri.rpartition(":")[0] or uri
        return
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return  # "[" without "]": no address of anything
    if host:
        fields["cs-host"] = host
    path = parts.path or "/"
    fields["cs-uri"] = f"{path}?{parts.query}" if parts.query else path
    fields["c-uri-stem"] = fields["url.path"] = path
    if parts.query:
        fields["c-uri-query"] = parts.query
    if extension := _EXTENSION.search(path[-9:]):
        fields["c-uri-extension"] = extension[1].lower()
