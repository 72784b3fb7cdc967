"""su: one account becoming another, in the words of util-linux and of shadow.

``event.action`` is ``su``, or PAM's.
"""

import re

from pipeline.parsing.linux import pam
from pipeline.parsing.log_source import LogSource
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("auth",))
PROGRAMS = ("su", "runuser", "su-l")

_UTIL_LINUX = re.compile(r"(FAILED SU )?\(to (\S{1,256})\) (\S{1,256}) on (\S{1,256})")
_SHADOW = re.compile(r"(Successful|FAILED) su for (\S{1,256}) by (\S{1,256})")


def parse(message: str, fields: dict[str, Value]) -> None:
    """``(to root) bob on pts/0``, ``FAILED SU (to root) bob on pts/0``, ``Successful su for …``."""
    if message.startswith(pam.PREFIX):
        pam.parse(message, fields)
    elif found := _UTIL_LINUX.match(message):
        _became("failure" if found[1] else "success", found[3], found[2], fields)
        fields["TTY"] = found[4]
    elif found := _SHADOW.match(message):
        _became("success" if found[1] == "Successful" else "failure", found[3], found[2], fields)


def _became(outcome: str, user: str, target: str, fields: dict[str, Value]) -> None:
    fields["event.action"] = "su"
    fields["event.outcome"] = outcome
    fields["user.name"] = user
    fields["user.target.name"] = target
