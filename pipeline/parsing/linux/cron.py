"""cron: jobs that ran, tables that were replaced.

``event.action`` is cron's own word: ``CMD``, ``REPLACE``, ``RELOAD`` …
"""

from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("cron",))
PROGRAMS = ("cron", "CRON", "crond", "CROND", "crontab", "anacron", "atd")


def parse(message: str, fields: dict[str, Value]) -> None:
    """``(root) CMD (/usr/local/bin/backup)``, ``(bob) REPLACE (bob)``."""
    if message.startswith(pam.PREFIX):
        pam.parse(message, fields)
        return
    user, _, rest = message.partition(") ")
    action, _, detail = rest.partition(" (")
    if not user.startswith("(") or not detail.endswith(")"):
        return
    fields["user.name"] = user[1:]
    fields["event.action"] = action
    if action == "CMD":
        fields["process.command_line"] = detail[:-1].strip()
    elif action in ("REPLACE", "BEGIN EDIT", "END EDIT", "DELETE", "LIST"):
        fields["user.target.name"] = detail[:-1]
