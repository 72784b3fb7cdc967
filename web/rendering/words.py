"""Figures, times and sizes as people read them (the console's design, "Words and figures"). Pure.

>>> figure(15525020), short(3_120_000), rate(308.2), rate(0.13), size(61_800_000_000)
('15,525,020', '3.1 M', '308/s', '0.1/s', '61.8 GB')
>>> [age(timedelta(seconds=n)) for n in (0.4, 12, 1560, 13260, 194400)]
['0.4 s', '12 s', '26 min', '3 h 41 min', '2 d 6 h']
>>> initials("Ines Varga"), initials("svc-backup"), initials("")
('IV', 'SB', '?')
"""

import math
import re
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo


def figure(number: float) -> str:
    """Exact, where it must add up."""
    return f"{number:,.0f}"


def short(number: float) -> str:
    """Three digits at most, where it need not."""
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(number) >= limit:
            scaled = number / {" T": 1e12, " G": 1e9, " M": 1e6, " k": 1e3}[unit]
            return f"{scaled:.0f}{unit}" if abs(scaled) >= 100 else f"{scaled:.1f}{unit}"
    return figure(number)


def rate(per_second: float) -> str:
    """Events per second; what is rarer, by the minute or the hour.

    >>> rate(308.4), rate(2.25), rate(0.05), rate(0.001), rate(0)
    ('308/s', '2.2/s', '3/min', '4/h', '0/s')
    """
    if per_second >= 0.1 or not per_second:
        return f"{per_second_figure(per_second)}/s"
    if per_second * 60 >= 1:
        return f"{per_second * 60:.0f}/min"
    return f"{math.ceil(per_second * 3600)}/h"


def per_second_figure(per_second: float) -> str:
    """The same as a figure, where its unit stands beside it."""
    if 0 < per_second < 9.95:
        return f"{per_second:.1f}"
    return f"{per_second:,.0f}"


def size(count: float) -> str:
    """Bytes in powers of ten."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:.1f} {unit}"
    return f"{count:.0f} B"


def age(length: timedelta) -> str:
    """A length of time in two units at most; never below zero."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 10:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "0 s"
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if seconds < 60:
        return f"{seconds:.0f} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{days} d {hours % 24} h" if hours % 24 else f"{days} d"


def seconds(number: float) -> str:
    """A length of time given in seconds."""
    return age(timedelta(seconds=number))


def initials(name: str) -> str:
    """Two letters to know somebody by."""
    parts = [part for part in re.split(r"[\s._-]+", name) if part]
    return "".join(part[0] for part in parts[:2]).upper() or "?"


def program(path: str) -> str:
    """The last part of a program's path, of either system.

    >>> program("/usr/sbin/sshd"), program("C:\\\\Windows\\\\explorer.exe"), program("cron")
    ('sshd', 'explorer.exe', 'cron')
    """
    return re.split(r"[/\\]", path)[-1] or path


def techniques(tags: Sequence[str]) -> list[str]:
    """The ATT&CK techniques among a rule's tags.

    >>> techniques(["attack.persistence", "attack.t1110.001", "cve.2021-44228"])
    ['T1110.001']
    """
    return [tag[7:].upper() for tag in tags if re.match(r"attack\.t\d", tag)]


def clock(time: datetime, zone: tzinfo) -> str:
    """``14:06:11``."""
    return time.astimezone(zone).strftime("%H:%M:%S")


def milliseconds(time: datetime, zone: tzinfo) -> str:
    """``14:06:11.204``."""
    local = time.astimezone(zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


def day(time: datetime, zone: tzinfo) -> str:
    """``Thu 19 Nov 2026``."""
    local = time.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y}"


def moment(time: datetime, zone: tzinfo) -> str:
    """``19 Nov 14:06:11``, for tables that span days."""
    local = time.astimezone(zone)
    return f"{local.day} {local:%b %H:%M:%S}"


def zone_name(time: datetime, zone: tzinfo) -> str:
    """``CET``."""
    return time.astimezone(zone).strftime("%Z")


def plural(count: float, one: str, many: str | None = None) -> str:
    """The noun for a number: ``plural(1, "role")`` is role, ``plural(2, "role")`` roles."""
    return one if count == 1 else many or f"{one}s"
