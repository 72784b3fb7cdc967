"""Intent: the range of offsets that a sink is about to store, and the token that names it.

It is committed as metadata of the unchanged offset before the store hears of the range. Whoever
owns the partition after a crash reads exactly this range again and stores it under the same
token, so the store keeps one copy whichever of the two came through (ARCHITECTURE, "A sink
stores every event exactly once"). Pure.

Metadata: ``1 <first>-<last> records=<count> begun=<ms>``; any other text is no intent.
"""

import re
from dataclasses import dataclass

_METADATA = re.compile(r"1 (\d{1,19})-(\d{1,19}) records=(\d{1,9}) begun=(\d{1,16})")

TRUST_MS = 60_000
"""How long a token is believed: the store remembers the last 1,000 blocks of a table, under
three minutes at a block a second from each of six partitions (FINDINGS, section 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A range that is about to be stored, or was when somebody died.

    Attributes:
        first, last: Its first and last offset, both included.
        records: How many records were read in it.
        begun_ms: When it was committed, in milliseconds since the epoch.
    """

    first: int
    last: int
    records: int
    begun_ms: int

    def metadata(self) -> str:
        """The text to commit.

        >>> Intent(first=5, last=9, records=5, begun_ms=1000).metadata()
        '1 5-9 records=5 begun=1000'
        """
        return f"1 {self.first}-{self.last} records={self.records} begun={self.begun_ms}"

    def is_trusted(self, now_ms: int) -> bool:
        """Whether the store surely remembers the range's token, if it ever saw it.

        A clock that was set back makes an intent look young; then it is not believed either.
        """
        return 0 <= now_ms - self.begun_ms < TRUST_MS


def read_intent(metadata: str, *, offset: int) -> Intent | None:
    """The intent in what was committed; None if that is none, or not of this offset.

    Args:
        metadata: As the broker kept it.
        offset: The committed offset; an intent begins there.
    """
    found = _METADATA.fullmatch(metadata)
    if found is None:
        return None
    first, last, records, begun_ms = map(int, found.groups())
    if first != offset or last < first or records > last - first + 1:
        return None
    return Intent(first=first, last=last, records=records, begun_ms=begun_ms)


def deduplication_token(topic: str, partition: int, first: int, last: int, made_ms: int) -> str:
    """What the store knows a range by: ``topic:partition:first-last@made``.

    Args:
        topic, partition, first, last: The range.
        made_ms: Timestamp of its first record, so that offsets which begin anew (a log that
            was deleted and made again) never meet an old token.
    """
    return f"{topic}:{partition}:{first}-{last}@{made_ms}"
