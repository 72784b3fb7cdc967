r"""Access logs of web servers: common, combined and vhost_combined, as nginx and Apache write them.

Names are Sigma's for ``webserver``: ``cs-uri-query`` is the whole request target, path and
query, as rules expect it; ``cs-uri-stem`` the path alone. ``-`` is absent. Requests that are
no HTTP (port scanners speak TLS to port 80) keep what can be read.
"""

import re
from datetime import datetime
from functools import lru_cache

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.timestamp import MONTHS, from_iso
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(category="webserver")
NGINX = LogSource(services=("nginx",))
APACHE = LogSource(services=("apache",))
# Error logs come under the same program names; their lines are no access log.
PROGRAMS = {"nginx": NGINX, "httpd": APACHE, "apache2": APACHE, "apache": APACHE}

# The rest of a quoted part whose quotes and backslashes are escaped.
_QUOTED = re.compile(r'([^"\\]*+(?:\\.[^"\\]*+)*+)(?:"|\Z)', re.S)
_ESCAPED = re.compile(r'\\(["\\])')
_LONGEST_HEAD = 1_024


def recognises(text: str) -> bool:
    """Whether a text has a bracketed time before its first quote."""
    quote = text.find('] "', 0, _LONGEST_HEAD)
    return quote > 26 and text[quote - 24] == "/" == text[quote - 20] and text[quote - 15] == ":"


def parse(text: str, fields: dict[str, Value], received: datetime) -> datetime | None:
    """Add the request's fields; return its time."""
    head, _, rest = text.partition('] "')
    client, _, stamp = head.rpartition(" [")
    parts = _escaped_parts(rest) if "\\" in rest else rest.split('"', 6)
    _add_client(client, fields)
    _add_request(parts[0] if parts else "", fields)
    if len(parts) > 1:
        words = parts[1].split()
        if words:
            fields["sc-status"] = fields["http.response.status_code"] = number(words[0])
            fields["event.outcome"] = "success" if words[0] < "400" else "failure"
        if len(words) > 1 and words[1] != "-":
            fields["sc-bytes"] = number(words[1])
    if len(parts) > 4:
        if parts[2] not in ("-", ""):
            fields["cs-referer"] = fields["http.request.referrer"] = parts[2]
        if parts[4] not in ("-", ""):
            fields["cs-user-agent"] = fields["user_agent.original"] = parts[4]
    return _time(stamp) or from_iso(stamp, received)


def _escaped_parts(rest: str) -> list[str]:
    """What ``split`` by quotes gives, where some quotes are escaped; the first six parts."""
    parts: list[str] = []
    position = 0
    while len(parts) < 6 and (quoted := _QUOTED.match(rest, position)):
        between, _, _ = rest[quoted.end() :].partition('"')
        parts += _ESCAPED.sub(r"\1", quoted[1]), between
        position = quoted.end() + len(between) + 1
    return parts


def _add_client(client: str, fields: dict[str, Value]) -> None:
    """``203.0.113.9 - alice``, a virtual host perhaps before it."""
    words = client.split(" ")
    if len(words) > 3 and words[2] == "-":  # vhost_combined: "www.example.com:443 203.0.113.9 - -"
        fields["cs-host"] = words[0].partition(":")[0]
        words = words[1:]
    fields["c-ip"] = fields["source.ip"] = words[0]
    user = " ".join(words[2:])
    if user and user != "-":
        fields["cs-username"] = fields["user.name"] = user


def _add_request(request: str, fields: dict[str, Value]) -> None:
    method, _, rest = request.partition(" ")
    target, space, version = rest.rpartition(" ")
    if not space or not version.startswith("HTTP/"):
        target, version = rest, ""
    if not target:
        return
    stem = target.partition("?")[0]
    fields["cs-method"] = fields["event.action"] = method
    fields["cs-uri-query"] = target
    fields["cs-uri-stem"] = fields["url.path"] = stem
    if version:
        fields["cs-version"] = version


@lru_cache(maxsize=4096)
def _time(stamp: str) -> datetime | None:
    """``01/Mar/2026:12:00:01 +0000``; remembered, because a second holds many lines."""
    month = MONTHS.get(stamp[3:6])
    if month is None or len(stamp) != 26:
        return None
    try:
        return datetime.fromisoformat(
            f"{stamp[7:11]}-{month:02}-{stamp[:2]}T{stamp[12:20]}{stamp[21:24]}:{stamp[24:]}"
        )
    except ValueError:
        return None
