r"""The kernel's audit log, one record a line, also through audisp's syslog plugin.

A record of a system call comes in several lines with one id (``audit.id``): SYSCALL has the
``exe``, EXECVE the arguments, PATH the ``name``. They stay events of their own. What auditd
writes in hexadecimal because it holds spaces or quotes is decoded. ``?`` and ``(null)`` are
absent. A SYSCALL of execve is a process creation with Sigma's ``Image``; an EXECVE carries the
``CommandLine``.

Format: audit-userspace, "Audit Event Fields" and the ENRICHED log format.

>>> from datetime import UTC, datetime
>>> fields = {}
>>> line = 'type=EXECVE msg=audit(1772366401.123:901): argc=2 a0="mkdir" a1=2E6D7920646972'
>>> parse(line, fields, datetime(2026, 3, 1, 12, tzinfo=UTC)).isoformat()
'2026-03-01T12:00:01.123000+00:00'
>>> fields["type"], fields["a1"], fields["CommandLine"]
('EXECVE', '.my dir', 'mkdir .my dir')
"""

import re
from datetime import datetime

from pipeline.parsing.key_value import number
from pipeline.parsing.log_source import LogSource
from pipeline.parsing.timestamp import from_epoch
from pipeline.schema.event import Value

LOG_SOURCE = LogSource(product="linux", services=("auditd",))
PROCESS_CREATION = LogSource(product="linux", category="process_creation", services=("auditd",))

_HEAD = re.compile(
    r"(?:node=(\S{1,255}) )?type=(\S{1,64}) msg=audit\((\d{1,11}\.\d{1,3}):(\d{1,20})\): ?"
)
_PAIR = re.compile(r"""(?<![\w-])([A-Za-z][\w-]{0,63}+)=(?:"([^"]*+)"|([^\s"']*+))""")
_ARGUMENT = re.compile(r"a\d{1,5}\Z")
_HEX = re.compile(r"(?:[0-9A-F]{2})+\Z")
_INTEGERS = frozenset({"argc", "pid", "ppid", "items", "item", "ses", "exit", "inode"})
# Untrusted strings (audit_log_untrustedstring): quoted when harmless, hexadecimal when not.
_UNTRUSTED = frozenset(
    {"exe", "comm", "name", "cwd", "proctitle", "acct", "cmd", "key", "path", "data", "dir", "vm"}
)
_ABSENT = frozenset({"", "?", "(null)"})
_UNSET_ID = "4294967295"
# execve and execveat by architecture: x86_64, i386, aarch64.
_EXECVE = frozenset(
    {
        ("c000003e", "59"),
        ("c000003e", "322"),
        ("40000003", "11"),
        ("40000003", "358"),
        ("c00000b7", "221"),
        ("c00000b7", "281"),
    }
)
_OUTCOMES = {"yes": "success", "success": "success", "1": "success"} | {
    "no": "failure",
    "failed": "failure",
    "0": "failure",
}


def recognises(text: str) -> bool:
    """Whether a text is an audit record."""
    return text.startswith(("type=", "node=")) and " msg=audit(" in text[:400]


def parse(text: str, fields: dict[str, Value], received: datetime) -> datetime | None:
    """Add the record's fields under auditd's names; return the kernel's time."""
    head = _HEAD.match(text)
    if head is None:
        return None
    node, kind, seconds, serial = head.groups()
    if node:
        fields["Computer"] = fields["host.name"] = node
    fields["type"] = kind
    fields["audit.id"] = f"{seconds}:{serial}"
    for name, quoted, bare in _PAIR.findall(text, head.end()):
        value = _value(kind, name, bare) if bare else quoted
        if value not in _ABSENT and name != "msg":
            fields[name] = value
    _add_meaning(kind, fields)
    return from_epoch(float(seconds))


def _value(kind: str, name: str, bare: str) -> Value:
    if name in _INTEGERS:
        return number(bare)
    untrusted = name in _UNTRUSTED or (kind == "EXECVE" and _ARGUMENT.match(name))
    if untrusted and _HEX.match(bare):
        return bytes.fromhex(bare).decode("utf-8", "replace").rstrip("\0").replace("\0", " ")
    return bare


def _add_meaning(kind: str, fields: dict[str, Value]) -> None:
    """The ECS names and Sigma's names for processes."""
    outcome = fields.get("res") or fields.get("success")
    if isinstance(outcome, str) and outcome in _OUTCOMES:
        fields["event.outcome"] = _OUTCOMES[outcome]
    for name in ("acct", "AUID", "auid"):
        value = fields.get(name)
        if value is not None and value not in (_UNSET_ID, "unset"):
            fields["user.name"] = value
            break
    else:
        fields.pop("auid", None)  # nobody logged in: with it, nobody would be user 4294967295
    if exe := fields.get("exe"):
        fields["process.name"] = exe
    if kind == "EXECVE":
        arguments = [str(fields.get(f"a{i}", "")) for i in range(_argument_count(fields))]
        fields["CommandLine"] = fields["process.command_line"] = " ".join(arguments)
    elif kind == "SYSCALL" and exe and _is_execve(fields):
        fields["Image"] = exe
        fields.update(PROCESS_CREATION.fields)


def _argument_count(fields: dict[str, Value]) -> int:
    """argc as far as arguments are there: long command lines are cut by the kernel."""
    count = fields.get("argc")
    present = 0
    while isinstance(count, int) and present < count and f"a{present}" in fields:
        present += 1
    return present


def _is_execve(fields: dict[str, Value]) -> bool:
    if fields.get("SYSCALL") in ("execve", "execveat"):
        return True
    return (fields.get("arch"), fields.get("syscall")) in _EXECVE
