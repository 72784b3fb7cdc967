"""Events as a Windows shipper sends them: flat JSON, EventData beside Channel and EventID."""

from datetime import datetime, timedelta

import orjson

from appliance.demo.company import Company
from appliance.demo.message import DemoMessage, Transport

SECURITY = "Security"
SYSTEM = "System"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
_PROVIDERS = {
    SECURITY: "Microsoft-Windows-Security-Auditing",
    SYSTEM: "Service Control Manager",
    SYSMON: "Microsoft-Windows-Sysmon",
}
SYSTEM32 = "C:\\Windows\\System32\\"


def event(
    time: datetime, company: Company, computer: str, channel: str, event_id: int, **data: object
) -> DemoMessage:
    """One event; ``data`` is its EventData."""
    stamp = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    document = {
        "@timestamp": stamp,
        "Provider_Name": data.pop("provider", _PROVIDERS.get(channel, channel)),
        "Channel": channel,
        "EventID": event_id,
        "Computer": f"{computer}.{company.domain}",
        "Level": 4,
        **data,
    }
    return DemoMessage(time, Transport.NDJSON, computer, orjson.dumps(document))


def logon(
    time: datetime,
    company: Company,
    computer: str,
    account: str,
    address: str,
    *,
    kind: int,
    succeeded: bool = True,
) -> DemoMessage:
    """4624 or 4625; ``kind`` is the LogonType: 2 console, 3 network, 5 service, 7 unlock."""
    failure = {} if succeeded else {"Status": "0xc000006d", "SubStatus": "0xc000006a"}
    return event(
        time,
        company,
        computer,
        SECURITY,
        4624 if succeeded else 4625,
        SubjectUserName=f"{computer}$" if kind in (2, 7) else "-",
        SubjectDomainName=company.workgroup if kind in (2, 7) else "-",
        TargetUserName=account,
        TargetDomainName=company.workgroup,
        LogonType=kind,
        LogonProcessName="User32 " if kind in (2, 7) else "NtLmSsp ",
        AuthenticationPackageName="Negotiate" if kind in (2, 7) else "NTLM",
        WorkstationName=computer if kind in (2, 7) else "-",
        IpAddress=address,
        IpPort="0" if address == "-" else "50221",
        **failure,
    )


def process(
    time: datetime,
    company: Company,
    computer: str,
    account: str,
    image: str,
    command_line: str,
    *,
    parent: str,
    process_id: int,
    integrity: str = "Medium",
) -> tuple[DemoMessage, DemoMessage]:
    """A started process as Sysmon (1) and as the Security log (4688) tell it."""
    sysmon = event(
        time,
        company,
        computer,
        SYSMON,
        1,
        RuleName="-",
        UtcTime=f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}",
        ProcessId=process_id,
        Image=image,
        OriginalFileName=image.rpartition("\\")[2],
        CommandLine=command_line,
        CurrentDirectory=SYSTEM32,
        User=f"{company.workgroup}\\{account}",
        IntegrityLevel=integrity,
        ParentProcessId=process_id - 40,
        ParentImage=parent,
        ParentCommandLine=f'"{parent}"',
    )
    security = event(
        time + timedelta(milliseconds=3),
        company,
        computer,
        SECURITY,
        4688,
        SubjectUserName=account,
        SubjectDomainName=company.workgroup,
        NewProcessId=hex(process_id),
        NewProcessName=image,
        ParentProcessName=parent,
        CommandLine=command_line,
        TokenElevationType="%%1937" if integrity == "High" else "%%1938",
    )
    return sysmon, security
