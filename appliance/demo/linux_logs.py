"""Lines as Linux machines write them: syslog frames, sshd, sudo, cron, the kernel's audit log."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from appliance.demo.company import Machine
from appliance.demo.message import DemoMessage, Transport

AUTH, AUTHPRIV, CRON, DAEMON, LOCAL7, USER = 4, 10, 9, 3, 23, 1
NOTICE, INFO, WARNING = 5, 6, 4


def syslog(
    time: datetime,
    machine: Machine,
    program: str,
    process_id: int | None,
    text: str,
    *,
    facility: int = AUTHPRIV,
    severity: int = INFO,
) -> DemoMessage:
    """A message as the machine's rsyslog relays it.

    Web servers are set up with the traditional format (RFC 3164), the others with RFC 5424.
    """
    priority = facility * 8 + severity
    if "-web" in machine.name:
        process = f"[{process_id}]" if process_id is not None else ""
        stamp = f"{time:%b} {time.day:>2} {time:%H:%M:%S}"
        frame = f"<{priority}>{stamp} {machine.name} {program}{process}: {text}"
    else:
        stamp = time.isoformat(timespec="microseconds")
        process = "-" if process_id is None else str(process_id)
        frame = f"<{priority}>1 {stamp} {machine.name} {program} {process} - - {text}"
    return DemoMessage(time, Transport.SYSLOG_TCP, machine.name, frame.encode())


def sshd(time: datetime, machine: Machine, process_id: int, text: str) -> DemoMessage:
    """A message of OpenSSH."""
    return syslog(time, machine, "sshd", process_id, text, facility=AUTH)


def sudo(
    time: datetime,
    machine: Machine,
    process_id: int,
    account: str,
    command: str,
    *,
    terminal: str = "pts/0",
    reason: str = "",
) -> DemoMessage:
    """A message of sudo about a command, refused for a reason or run."""
    refusal = f"{reason} ; " if reason else ""
    text = (
        f"{account:>8} : {refusal}TTY={terminal} ; PWD=/home/{account} ; USER=root ;"
        f" COMMAND={command}"
    )
    return syslog(time, machine, "sudo", process_id, text, severity=NOTICE)


def cron(
    time: datetime, machine: Machine, process_id: int, account: str, command: str
) -> DemoMessage:
    """cron starts a job."""
    text = f"({account}) CMD ({command})"
    return syslog(time, machine, "CRON", process_id, text, facility=CRON)


def audit(time: datetime, machine: Machine, serial: int, record: str, body: str) -> DemoMessage:
    """One audit record, through audisp's syslog plugin."""
    stamp = f"{time.timestamp():.3f}"
    text = f"type={record} msg=audit({stamp}:{serial}): {body}"
    return syslog(time, machine, "audisp-syslog", None, text, facility=USER)


def executed(
    time: datetime,
    machine: Machine,
    serial: int,
    command: Sequence[str],
    *,
    executable: str,
    login_uid: int,
    uid: int,
    process_id: int,
    terminal: str = "pts0",
    key: str = "exec",
    touches: Sequence[tuple[str, str]] = (),
) -> Iterator[DemoMessage]:
    """The records of one execve: SYSCALL, EXECVE, PATH for each file touched, PROCTITLE.

    Args:
        time, machine, serial: When, where, the event's number.
        command: Program and arguments.
        executable: Full path of the program.
        login_uid: Who logged in (auid).
        uid: As whom it runs.
        process_id: Its process.
        terminal: Its terminal.
        key: Name of the audit rule that asked for it.
        touches: Paths and what happened to them (NORMAL, CREATE, DELETE).
    """
    yield audit(
        time,
        machine,
        serial,
        "SYSCALL",
        f"arch=c000003e syscall=59 success=yes exit=0 a0=55d{serial:x} a1=55e{serial:x} a2=55f0"
        f" a3=8 items=2 ppid={process_id - 1} pid={process_id} auid={login_uid} uid={uid}"
        f" gid={uid} euid={uid} suid={uid} fsuid={uid} egid={uid} sgid={uid} fsgid={uid}"
        f" tty={terminal} ses=3 comm={_quoted(command[0].rpartition('/')[2][:15])}"
        f' exe={_quoted(executable)} subj=unconfined key="{key}"',
    )
    arguments = " ".join(f"a{index}={_quoted(part)}" for index, part in enumerate(command))
    yield audit(time, machine, serial, "EXECVE", f"argc={len(command)} {arguments}")
    for item, (path, kind) in enumerate([(executable, "NORMAL"), *touches]):
        yield audit(
            time,
            machine,
            serial,
            "PATH",
            f"item={item} name={_quoted(path)} inode={4000 + item} dev=fe:01 mode=0100644 ouid=0"
            f" ogid=0 rdev=00:00 nametype={kind} cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0",
        )
    title = "\0".join(command).encode().hex().upper()
    yield audit(time, machine, serial, "PROCTITLE", f"proctitle={title}")


def _quoted(value: str) -> str:
    """As the kernel prints an untrusted string: quoted, or in hexadecimal if it must."""
    if any(character in ' "' or not " " < character <= "~" for character in value):
        return value.encode().hex().upper()
    return f'"{value}"'


def login(
    time: datetime,
    machine: Machine,
    process_id: int,
    account: str,
    uid: int,
    address: str,
    port: int,
) -> Iterator[DemoMessage]:
    """A login with a key and the session that follows."""
    fingerprint = f"{uid * 7919:043x}"[:43]
    yield sshd(
        time,
        machine,
        process_id,
        f"Accepted publickey for {account} from {address} port {port} ssh2:"
        f" ED25519 SHA256:{fingerprint}",
    )
    yield session_opened(time + timedelta(milliseconds=40), machine, process_id, account, uid)


def session_opened(
    time: datetime, machine: Machine, process_id: int, account: str, uid: int
) -> DemoMessage:
    """PAM opens a session for a login."""
    text = f"pam_unix(sshd:session): session opened for user {account}(uid={uid}) by (uid=0)"
    return syslog(time, machine, "sshd", process_id, text)


def logout(
    time: datetime, machine: Machine, process_id: int, account: str, address: str, port: int
) -> Iterator[DemoMessage]:
    """The client goes, PAM closes the session."""
    yield sshd(
        time,
        machine,
        process_id,
        f"Received disconnect from {address} port {port}:11: disconnected by user",
    )
    yield sshd(time, machine, process_id, f"Disconnected from user {account} {address} port {port}")
    text = f"pam_unix(sshd:session): session closed for user {account}"
    yield syslog(time + timedelta(milliseconds=20), machine, "sshd", process_id, text)
