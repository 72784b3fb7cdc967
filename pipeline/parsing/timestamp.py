"""Times as senders write them: ISO 8601, epoch numbers, dates without year or zone.

A time without a zone is read in the zone of ``received``; a date without a year gets the year
that brings it nearest to ``received``, so a line written before midnight on New Year's Eve and
received after it belongs to the old year. Nothing here reads a clock.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from pipeline.schema.event import Value
from pipeline.schema.fields import TIME_ERROR

# A sender's clock further ahead than this is wrong, not early: zones explain half a day.
FUTURE_LIMIT = timedelta(days=1)
# Queues of disconnected senders hold days, not months; older claims are clocks that were reset.
PAST_LIMIT = timedelta(days=30)

MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_HALF_A_YEAR = timedelta(days=183)
# Abbreviations that mean one thing only; with any other the zone counts as missing.
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "CET": 1, "CEST": 2, "EST": -5, "EDT": -4, "PDT": -7}


def believable(
    time: datetime | None, received: datetime, fields: dict[str, Value]
) -> datetime | None:
    """The sender's time, or None with a ``time_error`` where it cannot be true.

    Not believed is what lies more than ``FUTURE_LIMIT`` ahead of ``received`` or more than
    ``PAST_LIMIT`` behind; the claim stays readable in the ``time_error``.
    """
    if time is None:
        return None
    age = received - time
    if age > PAST_LIMIT:
        fields[TIME_ERROR] = f"{time.isoformat()} is {age.days} days old when received"
        return None
    if age < -FUTURE_LIMIT:
        fields[TIME_ERROR] = f"{time.isoformat()} is {(-age).days} days ahead when received"
        return None
    return time


def from_iso(text: str, received: datetime) -> datetime | None:
    """A time in ISO 8601 as RFC 3339 narrows it, space or T between; None if it is not one."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=received.tzinfo)


def from_epoch(number: float) -> datetime | None:
    """A time from seconds, milli-, micro- or nanoseconds since 1970, told apart by their size.

    >>> from_epoch(1772366401).isoformat()
    '2026-03-01T12:00:01+00:00'
    >>> from_epoch(1772366401123) == from_epoch(1772366401.123)
    True
    """
    for _ in range(3):
        if -1e11 < number < 1e11:
            break
        number /= 1000
    try:
        return datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def from_bsd(stamp: str, received: datetime) -> datetime | None:
    """A time from RFC 3164's ``Mmm dd hh:mm:ss``; None if it is not one."""
    year = received.year
    time = _in_year(stamp, year, received.tzinfo)
    if time is None:
        # 29 February exists in some years only; 1 January is near both.
        return _in_year(stamp, year - 1, received.tzinfo) or _in_year(
            stamp, year + 1, received.tzinfo
        )
    age = received - time
    if age > _HALF_A_YEAR:
        return _in_year(stamp, year + 1, received.tzinfo) or time
    if age < -_HALF_A_YEAR:
        return _in_year(stamp, year - 1, received.tzinfo) or time
    return time


@lru_cache(maxsize=4096)
def _in_year(stamp: str, year: int, zone: tzinfo | None) -> datetime | None:
    """Remembered, because a second holds many lines."""
    try:
        return datetime(
            year,
            MONTHS[stamp[:3]],
            int(stamp[4:6]),
            int(stamp[7:9]),
            int(stamp[10:12]),
            int(stamp[13:15]),
            tzinfo=zone,
        )
    except (ValueError, KeyError):
        return None


def zone_of(name: str) -> tzinfo | None:
    """The zone of an offset (``+0100``, ``+01:00``) or an unambiguous abbreviation."""
    if name in _ZONES:
        return _offset(_ZONES[name] * 60)
    digits = name[1:].replace(":", "")
    if name[:1] in ("+", "-") and len(digits) == 4 and digits.isdecimal():
        minutes = int(digits[:2]) * 60 + int(digits[2:])
        if minutes < 24 * 60:
            return _offset(-minutes if name[0] == "-" else minutes)
    return None


@lru_cache(maxsize=256)
def _offset(minutes: int) -> tzinfo:
    return UTC if minutes == 0 else timezone(timedelta(minutes=minutes))
