"""A subscription by regular expression, run by RE2 over the names of topics (KIP-848). Pure."""

from collections.abc import Callable

import re2  # type: ignore[import-untyped]

from broker_core.coordinator.member_errors import InvalidRegularExpression
from broker_core.coordinator.topic_partitions import Topics

MAX_PATTERN_BYTES = 4096
_MAX_PROGRAM_BYTES = 1 << 20


class TopicPattern:
    """The expression, and the topics that it matches as far as that is known.

    Attributes:
        topics: Their names.
    """

    def __init__(self, text: str, topics: frozenset[str] = frozenset()) -> None:
        """Compile it.

        Raises:
            InvalidRegularExpression: RE2 cannot run it, or not in the memory it is given.
        """
        if len(text.encode()) > MAX_PATTERN_BYTES:
            raise InvalidRegularExpression(f"longer than {MAX_PATTERN_BYTES} bytes")
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MAX_PROGRAM_BYTES
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            reason = error.args[0] if error.args else "not understood"
            if isinstance(reason, bytes):
                reason = reason.decode("utf-8", "replace")
            raise InvalidRegularExpression(f"{text!r}: {reason}") from error
        self.topics = topics
        self._seen: Topics | None = None

    def look(self, topics: Topics, may_see: Callable[[str], bool]) -> bool:
        """Find the topics that match, unless these were looked at last; whether that is news.

        Internal topics match like others, as with Apache Kafka.

        Args:
            may_see: Whether the subscriber who asks may know of a topic.
        """
        if self._seen is topics:
            return False
        self._seen, before = topics, self.topics
        self.topics = frozenset(
            name for name in topics if self._compiled.fullmatch(name) and may_see(name)
        )
        return self.topics != before
