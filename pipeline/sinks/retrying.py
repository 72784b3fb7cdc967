"""When a delivery is tried again. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from pipeline.settings import WebhookSettings

LONGEST_RETRY_AFTER = timedelta(hours=1)


def retry_delay(
    attempt: int, *, settings: WebhookSettings, retry_after: timedelta | None, dice: float
) -> timedelta | None:
    """How long to wait after an attempt that failed; None when it was the last one.

    Args:
        attempt: Which it was, from 1.
        settings: First and longest delay, and how many attempts there are.
        retry_after: What the receiver asked for; kept to an hour.
        dice: From 0 to 1: between half and all of the delay is waited.
    """
    if attempt >= settings.attempts:
        return None
    doubled: timedelta = settings.first_delay * float(2 ** min(attempt - 1, 20))
    delay = min(settings.longest_delay, doubled) * (0.5 + dice / 2)
    return max(delay, min(retry_after, LONGEST_RETRY_AFTER)) if retry_after else delay


def read_retry_after(value: str, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for (RFC 9110, §10.2.3): seconds or a date.

    >>> read_retry_after("120", datetime(2026, 1, 1, tzinfo=UTC))
    datetime.timedelta(seconds=120)
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(timedelta(), at - now)
