"""BIND: queries, in Sigma's names for ``dns``."""

import re

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(category="dns")
PROGRAMS = ("named",)

_QUERY = re.compile(
    r"(?:queries: )?(?:info: )?client (?:@0x[0-9a-f]{1,16} )?([0-9a-fA-F.:]{2,45})#(\d{1,5})"
    r" \(\S{1,255}\): (?:view \S{1,64}: )?query: (\S{1,255}) (\S{1,16}) (\S{1,16})"
)


def parse(message: str, fields: dict[str, Value]) -> None:
    """``client @0x7f… 10.1.2.3#5353 (example.com): query: example.com IN A +E(0)K (10.0.0.1)``."""
    if query := _QUERY.match(message):
        fields["src_ip"] = fields["source.ip"] = query[1]
        fields["src_port"] = fields["source.port"] = number(query[2])
        fields["query"] = query[3]
        fields["record_type"] = query[5]
        fields["event.action"] = "query"
