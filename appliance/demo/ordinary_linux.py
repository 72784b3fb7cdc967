"""The company's Linux machines on an ordinary day: logins, sudo, cron, audit records, samples."""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from appliance.demo.company import Company, Machine, Person, randomness
from appliance.demo.hours import OFFICE, STEADY, moments, seconds
from appliance.demo.linux_logs import (
    DAEMON,
    cron,
    executed,
    login,
    logout,
    sshd,
    sudo,
    syslog,
)
from appliance.demo.message import DemoMessage
from appliance.demo.samples import sample

_COMMANDS = (
    "/usr/bin/apt-get update",
    "/usr/bin/systemctl restart nginx",
    "/usr/bin/journalctl -u nginx -n 100",
    "/usr/bin/systemctl status postgresql",
    "/usr/bin/tail -n 200 /var/log/nginx/error.log",
    "/usr/bin/ss -ltnp",
)
_RUNS = (
    (("ls", "-la"), "/usr/bin/ls"),
    (("git", "pull", "--ff-only"), "/usr/bin/git"),
    (("vim", "deploy notes.txt"), "/usr/bin/vim.basic"),
    (("df", "-h"), "/usr/bin/df"),
    (("tail", "-n", "50", "app.log"), "/usr/bin/tail"),
    (("grep", "-n", "timeout", "app.conf"), "/usr/bin/grep"),
    (("psql", "-c", "select 1"), "/usr/bin/psql"),
)
_JOBS = (
    (5, "root", "/usr/local/sbin/collect-stats"),
    (60, "root", "cd / && run-parts --report /etc/cron.hourly"),
    (15, "www-data", "php /srv/shop/bin/cron.php"),
)


def logins(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """People log in to the bastion and from there work on the other machines."""
    chance = randomness(seed, "logins")
    workers = (*company.administrators, *company.people[2:7])
    for time in moments(chance, start, end, 130, OFFICE):
        person = chance.choice(workers)
        machine = chance.choice(company.linux)
        process_id, port = chance.randrange(2_000, 60_000), chance.randrange(32_768, 60_999)
        if chance.random() < 0.15:
            for _ in range(chance.randrange(1, 3)):
                yield _mistyped(time, machine, process_id, person, port)
                time += seconds(chance, 3, 9)
        yield from login(
            time, machine, process_id, person.account, person.uid, person.address, port
        )
        yield from _work(
            chance, time, machine, person, administers=person in company.administrators
        )
        left = time + seconds(chance, 500, 2_500)
        if left < end:
            yield from logout(left, machine, process_id, person.account, person.address, port)


def _mistyped(
    time: datetime, machine: Machine, process_id: int, person: Person, port: int
) -> DemoMessage:
    text = f"Failed password for {person.account} from {person.address} port {port} ssh2"
    return sshd(time, machine, process_id, text)


def _work(
    chance: random.Random, time: datetime, machine: Machine, person: Person, *, administers: bool
) -> Iterator[DemoMessage]:
    """What one does in a session: commands, and as an administrator some with sudo."""
    for _ in range(chance.randrange(2, 7)):
        time += seconds(chance, 5, 60)
        command, executable = chance.choice(_RUNS)
        yield from executed(
            time,
            machine,
            chance.randrange(10_000, 90_000),
            command,
            executable=executable,
            login_uid=person.uid,
            uid=person.uid,
            process_id=chance.randrange(2_000, 60_000),
        )
    if administers:
        for _ in range(chance.randrange(1, 4)):
            time += seconds(chance, 5, 60)
            process_id = chance.randrange(2_000, 60_000)
            yield sudo(time, machine, process_id, person.account, chance.choice(_COMMANDS))
            yield syslog(
                time + timedelta(milliseconds=5),
                machine,
                "sudo",
                process_id,
                "pam_unix(sudo:session): session opened for user root(uid=0)"
                f" by {person.account}(uid={person.uid})",
            )
            yield syslog(
                time + seconds(chance, 0.5, 4),
                machine,
                "sudo",
                process_id,
                "pam_unix(sudo:session): session closed for user root",
            )


def services(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """cron and systemd do what they do all day; strangers knock at ssh and go away."""
    chance = randomness(seed, "services")
    for machine in company.linux:
        for minutes, account, command in _JOBS:
            if account == "www-data" and machine not in company.web_servers:
                continue
            time = start + timedelta(minutes=chance.randrange(minutes), seconds=1)
            while time < end:
                yield cron(time, machine, chance.randrange(2_000, 60_000), account, command)
                time += timedelta(minutes=minutes)
        for time in moments(chance, start, end, 60, STEADY):
            unit = chance.choice(("logrotate", "apt-daily", "man-db", "fstrim"))
            text = f"{unit}.service: Deactivated successfully."
            yield syslog(time, machine, "systemd", 1, text, facility=DAEMON)
    for time in moments(chance, start, end, 120, STEADY):
        stranger = f"198.19.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        port = chance.randrange(32_768, 60_999)
        text = f"Connection closed by {stranger} port {port} [preauth]"
        yield sshd(time, company.bastion, chance.randrange(2_000, 60_000), text)


def metrics(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """Samples of every machine every five minutes, busier by day."""
    chance = randomness(seed, "metrics")
    for machine in company.linux:
        received = float(chance.randrange(10**9, 10**10))
        labels = {"job": "node", "instance": f"{machine.name}:9100"}
        memory = chance.choice((8, 16, 32)) * 2**30
        time = start
        while time < end:
            day = 0.5 - 0.5 * math.cos((time.hour + time.minute / 60 - 3) / 24 * math.tau)
            load = 0.1 + 1.6 * day + chance.random() * 0.3
            received += (0.2 + day) * 4e8 * (0.8 + 0.4 * chance.random())
            free = memory * (0.62 - 0.25 * day + 0.03 * chance.random())
            interface = {**labels, "device": "eth0"}
            yield sample(time, machine.name, "node_load1", round(load, 2), labels)
            yield sample(time, machine.name, "node_memory_MemAvailable_bytes", round(free), labels)
            yield sample(
                time, machine.name, "node_network_receive_bytes_total", round(received), interface
            )
            yield sample(time, machine.name, "up", 1.0, labels)
            time += timedelta(minutes=5)
