"""The company's Windows machines on an ordinary day: logons, programs, connections, tickets."""

import random
from collections.abc import Iterator
from datetime import datetime

from appliance.demo.company import Company, Person, randomness
from appliance.demo.hours import OFFICE, STEADY, moments, seconds
from appliance.demo.message import DemoMessage
from appliance.demo.windows_logs import SECURITY, SYSMON, SYSTEM32, event, logon, process

_EXPLORER = "C:\\Windows\\explorer.exe"
_PROGRAMS = (
    ("C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE", '"{}"'),
    (
        "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE",
        '"{}" "C:\\Work\\plan.xlsx"',
    ),
    ("C:\\Program Files\\Mozilla Firefox\\firefox.exe", '"{}"'),
    ("C:\\Program Files\\7-Zip\\7zFM.exe", '"{}"'),
    ("C:\\Windows\\System32\\notepad.exe", '"{}" C:\\Work\\todo.txt'),
    ("C:\\Windows\\System32\\mspaint.exe", '"{}"'),
)
_NAMES = ("www.{}", "mail.{}", "intranet.{}", "updates.vendor.example", "news.press.example")


def workdays(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """Everybody's computer: unlock, work, lock."""
    chance = randomness(seed, "workdays")
    for person in company.people:
        for time in moments(chance, start, end, 26, OFFICE):
            if chance.random() < 0.06:
                yield logon(
                    time,
                    company,
                    person.computer,
                    person.account,
                    "127.0.0.1",
                    kind=7,
                    succeeded=False,
                )
                time += seconds(chance, 3, 8)
            yield logon(time, company, person.computer, person.account, "127.0.0.1", kind=7)
            yield from _tickets(chance, time, company, person)
            for _ in range(chance.randrange(2, 6)):
                time += seconds(chance, 10, 300)
                yield from _program(chance, time, company, person)
                yield from _connection(chance, time + seconds(chance, 1, 5), company, person)


def _tickets(
    chance: random.Random, time: datetime, company: Company, person: Person
) -> Iterator[DemoMessage]:
    """The domain controller hands out tickets, the file server sees a network logon."""
    controller = company.domain_controller.name
    for event_id, service in ((4768, "krbtgt"), (4769, f"{controller}$")):
        yield event(
            time + seconds(chance, 0.1, 0.4),
            company,
            controller,
            SECURITY,
            event_id,
            TargetUserName=person.account,
            TargetDomainName=company.domain.upper(),
            ServiceName=service,
            TicketEncryptionType="0x12",
            Status="0x0",
            IpAddress=f"::ffff:{person.address}",
            IpPort=str(chance.randrange(49_152, 65_535)),
        )
    server = chance.choice(company.windows_servers).name
    later = time + seconds(chance, 0.5, 3)
    yield logon(later, company, server, person.account, person.address, kind=3)
    yield event(
        later + seconds(chance, 20, 300),
        company,
        server,
        SECURITY,
        4634,
        TargetUserName=person.account,
        TargetDomainName=company.workgroup,
        LogonType=3,
    )


def _program(
    chance: random.Random, time: datetime, company: Company, person: Person
) -> Iterator[DemoMessage]:
    image, command_line = chance.choice(_PROGRAMS)
    yield from process(
        time,
        company,
        person.computer,
        person.account,
        image,
        command_line.format(image),
        parent=_EXPLORER,
        process_id=chance.randrange(2_000, 20_000),
    )


def _connection(
    chance: random.Random, time: datetime, company: Company, person: Person
) -> Iterator[DemoMessage]:
    """A name is asked for, a connection made."""
    name = chance.choice(_NAMES).format(company.domain)
    address = f"198.18.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    image = "C:\\Program Files\\Mozilla Firefox\\firefox.exe"
    user = f"{company.workgroup}\\{person.account}"
    common = {"Image": image, "User": user, "ProcessId": chance.randrange(2_000, 20_000)}
    yield event(
        time,
        company,
        person.computer,
        SYSMON,
        22,
        QueryName=name,
        QueryStatus="0",
        QueryResults=f"::ffff:{address};",
        **common,
    )
    yield event(
        time,
        company,
        person.computer,
        SYSMON,
        3,
        Protocol="tcp",
        Initiated="true",
        SourceIp=person.address,
        SourcePort=chance.randrange(49_152, 65_535),
        DestinationIp=address,
        DestinationHostname=name,
        DestinationPort=443,
        **common,
    )


def servers(company: Company, seed: int, start: datetime, end: datetime) -> Iterator[DemoMessage]:
    """Services log on, scheduled programs run."""
    chance = randomness(seed, "windows servers")
    for server in company.windows_servers:
        for time in moments(chance, start, end, 280, STEADY):
            yield logon(time, company, server.name, "SYSTEM", "-", kind=5)
            if chance.random() < 0.5:
                image = SYSTEM32 + chance.choice(("svchost.exe", "taskhostw.exe", "wsqmcons.exe"))
                yield from process(
                    time,
                    company,
                    server.name,
                    f"{server.name}$",
                    image,
                    image,
                    parent=SYSTEM32 + "services.exe",
                    process_id=chance.randrange(700, 20_000),
                )
