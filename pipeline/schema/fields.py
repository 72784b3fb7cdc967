"""The field dictionary: the only list of field names that we give meaning to.

Names follow the Elastic Common Schema where it has one. What a source calls its own fields stays
in the event under the names that Sigma's taxonomy gives that log source; ``with_ecs`` adds the ECS
name beside it, so that a search for ``source.ip`` finds sshd, nginx and a firewall alike. The
store's columns, the search language and the documentation are read from this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.schema.event import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field that has a meaning of its own.

    Attributes:
        name: As events carry it and analysts type it.
        meaning: One line for the reference page.
        column: The store's column for it; None if it lives in the map of fields.
        aliases: What sources call it, most telling first; the first one present is taken.
    """

    name: str
    meaning: str
    column: str | None = None
    aliases: tuple[str, ...] = ()


# Which Sigma log source the event belongs to; a parser knows it (specification 2.1, "Log source").
LOGSOURCE_PRODUCT = "logsource.product"
LOGSOURCE_CATEGORY = "logsource.category"
LOGSOURCE_SERVICE = "logsource.service"
PARSE_ERROR = "parse_error"
TIME_ERROR = "time_error"
MESSAGE = "message"

FIELDS = (
    Field(name=MESSAGE, meaning="The text a person reads.", column="message"),
    Field(name=LOGSOURCE_PRODUCT, meaning="Sigma product.", column="product"),
    Field(name=LOGSOURCE_CATEGORY, meaning="Sigma category.", column="category"),
    Field(name=LOGSOURCE_SERVICE, meaning="Sigma service or services.", column="service"),
    Field(name=PARSE_ERROR, meaning="Why the message was kept raw.", column="parse_error"),
    Field(name=TIME_ERROR, meaning="Why the sender's time was not believed."),
    Field(
        name="host.name",
        meaning="The machine the event is about.",
        column="host",
        aliases=("Computer", "Hostname", "hostname", "devname", "host"),
    ),
    Field(
        name="user.name",
        meaning="The account that acted.",
        column="user",
        aliases=(
            "User",
            "TargetUserName",
            "SubjectUserName",
            "user",
            "cs-username",
            "acct",
            "auid",
        ),
    ),
    Field(name="user.target.name", meaning="The account it was done to, or that it became."),
    Field(name="group.name", meaning="The group that was changed."),
    Field(
        name="source.ip",
        meaning="Where a connection came from.",
        column="source_ip",
        aliases=("c-ip", "src_ip", "SourceIp", "IpAddress", "srcip", "src_host", "addr"),
    ),
    Field(name="source.port", meaning="Its port.", aliases=("src_port", "SourcePort", "srcport")),
    Field(
        name="destination.ip",
        meaning="Where a connection went.",
        column="destination_ip",
        aliases=("dst_ip", "DestinationIp", "dstip", "dst_host"),
    ),
    Field(
        name="destination.port",
        meaning="Its port.",
        aliases=("dst_port", "DestinationPort", "dstport"),
    ),
    Field(
        name="process.name",
        meaning="The program that wrote or acted.",
        column="program",
        aliases=("program", "Image", "exe", "comm"),
    ),
    Field(name="process.pid", meaning="Its process id.", aliases=("pid", "ProcessId")),
    Field(
        name="process.command_line",
        meaning="With its arguments.",
        aliases=("CommandLine", "COMMAND", "proctitle"),
    ),
    Field(
        name="event.action",
        meaning="What was done, in the source's word.",
        column="action",
        aliases=("action", "type"),
    ),
    Field(
        name="event.outcome",
        meaning="success, failure or unknown.",
        column="outcome",
    ),
    Field(name="event.code", meaning="The source's number for it.", aliases=("EventID", "logid")),
    Field(name="log.level", meaning="Syslog severity keyword (RFC 5424, §6.2.1).", column="level"),
    Field(name="log.syslog.facility", meaning="Syslog facility keyword (RFC 5424, §6.2.1)."),
    Field(name="url.path", meaning="Path of a request.", aliases=("cs-uri-stem",)),
    Field(name="http.response.status_code", meaning="Status of it.", aliases=("sc-status",)),
    Field(
        name="user_agent.original",
        meaning="What a client calls itself.",
        aliases=("cs-user-agent", "c-useragent"),
    ),
    # Metric samples (kind metric): one sample an event, a label under its own name below.
    Field(name="metric.name", meaning="Prometheus metric name."),
    Field(name="metric.value", meaning="The sample; NaN and infinities as text."),
    Field(name="metric.stale", meaning="True where the series has ended: a staleness marker."),
    Field(name="metric.label", meaning="Prefix of a series' labels: metric.label.<name>."),
    # Clicks (kind click).
    Field(name="click.site", meaning="Which site, by its write key."),
    Field(name="click.event", meaning="page, click or the name that track() was given."),
    Field(name="click.visitor", meaning="Random id that the browser keeps."),
    Field(name="click.session", meaning="Random id that ends after 30 idle minutes."),
    Field(name="click.title", meaning="Title of the page."),
    Field(name="click.target", meaning="What was clicked: a short selector and its text."),
    Field(name="url.full", meaning="Address of the page.", aliases=("c-uri",)),
    Field(name="http.request.referrer", meaning="Where it came from.", aliases=("cs-referer",)),
)

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS}
METRIC_LABEL_PREFIX = "metric.label."

_ECS_OF = {
    alias: (field.name, rank) for field in FIELDS for rank, alias in enumerate(field.aliases)
}


def with_ecs(fields: dict[str, Value]) -> dict[str, Value]:
    """Add ECS names beside the source's own; names already there win. Returns its argument.

    >>> with_ecs({"c-ip": "203.0.113.9"})
    {'c-ip': '203.0.113.9', 'source.ip': '203.0.113.9'}
    """
    present = [name for name in fields if name in _ECS_OF]
    chosen: dict[str, tuple[int, Value]] = {}
    for name in present:
        ecs, rank = _ECS_OF[name]
        value = fields[name]
        if ecs in fields or value in ("", "-"):
            continue
        if ecs not in chosen or rank < chosen[ecs][0]:
            chosen[ecs] = (rank, value)
    for ecs, (_, value) in chosen.items():
        fields[ecs] = value
    return fields
