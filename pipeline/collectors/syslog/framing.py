r"""Cut a syslog stream into messages: octet counting and line framing, told apart per record.

RFC 6587, §3.4.1: ``MSG-LEN SP SYSLOG-MSG``, where the length begins with a nonzero digit; §3.4.2:
a message ends at a trailer, in practice LF, CR LF or NUL. A record that begins with digits, a
space and ``<`` is counted, everything else is a line: a line that begins with a number (a
date, say) stays a line. A line between two trailers that is empty carries no message.

Pure: bytes in, messages out. A message longer than the limit is given up as ``Rejected`` with its
head, and exactly its own bytes are skipped; a decoder never holds more than one message.
"""

import re
from dataclasses import dataclass
from typing import Literal

HEAD_BYTES = 2048
"""How much of a rejected message is kept for evidence."""

_COUNT = re.compile(rb"([1-9][0-9]{0,9}) <")
_PERHAPS_COUNT = re.compile(rb"[1-9][0-9]{0,9} ?\Z")
_MAX_COUNT_BYTES = 12  # ten digits, a space and "<"
_NONZERO_DIGITS = frozenset(b"123456789")
_LINES_AT_A_TIME = 64  # so that a stream that changes its framing often costs no more

Reason = Literal["too_long", "cut_off"]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A message that was not accepted.

    Attributes:
        reason: ``too_long``: over the limit; ``cut_off``: the stream ended in it.
        detail: What was found and what would have been right, for a person.
        head: Its first bytes, at most ``HEAD_BYTES``.
    """

    reason: Reason
    detail: str
    head: bytes


class SyslogFrameDecoder:
    r"""The messages of one connection, in order, for any split of its stream.

    >>> decoder = SyslogFrameDecoder(max_message_bytes=1024)
    >>> decoder.feed(b"<13>one\n8 <13>t\nwo<13>th")
    [b'<13>one', b'<13>t\nwo']
    >>> decoder.feed(b"ree\r\n")
    [b'<13>three']

    Attributes:
        rejected: What was given up since the owner last cleared it.
    """

    __slots__ = (
        "_given_up",
        "_held",
        "_held_bytes",
        "_limit",
        "_missing",
        "_skip",
        "_skip_line",
        "rejected",
    )

    def __init__(self, *, max_message_bytes: int) -> None:
        self._limit = max_message_bytes
        self._held: list[bytes] = []  # the beginning of a record, in the pieces it came in
        self._held_bytes = 0
        self._missing = 0  # bytes that the counted record in _held still needs; 0: unknown
        self._skip = 0  # bytes that are left of a counted record that was given up
        self._given_up: tuple[str, bytes] | None = None  # its detail, and its head so far
        self._skip_line = False  # inside a line that was given up
        self.rejected: list[Rejected] = []

    def feed(self, received: bytes) -> list[bytes]:
        """Take what a socket gave; return the messages it completes, without their framing."""
        if self._skip or self._skip_line:
            received = self._after_skipped(received)
        if not received:
            return []
        if self._held:
            if self._only_adds(received):
                return []
            received = b"".join((*self._held, received))
            self._hold(b"")
        return self._cut(received)

    def finish(self, *, by_sender: bool) -> list[bytes]:
        """End the stream; return the last line if the sender left it without a trailer.

        Args:
            by_sender: The sender closed in order. Otherwise a line without a trailer may be the
                half of a message, and is rejected as cut off.
        """
        held, is_counted = b"".join(self._held), self._missing > 0
        self._hold(b"")
        self._reject_given_up()
        self._skip, self._skip_line = 0, False
        if by_sender and not is_counted:
            line = held.removesuffix(b"\r")
            return [line] if line else []
        if held:
            detail = f"the stream ended after {len(held)} bytes of a message"
            self.rejected.append(Rejected("cut_off", detail, held[:HEAD_BYTES]))
        return []

    def _cut(self, data: bytes) -> list[bytes]:
        """All complete records of ``data``, which begins at a record; hold the rest."""
        messages: list[bytes] = []
        position, end = 0, len(data)
        while position < end:
            if data[position] in _NONZERO_DIGITS:
                count = _COUNT.match(data, position)
                if count is not None:
                    position = self._cut_counted(data, count, messages)
                    continue
                if _PERHAPS_COUNT.match(data, position):
                    self._hold(data[position:])
                    break
            position = self._cut_lines(data, position, messages)
        return messages

    def _cut_counted(self, data: bytes, count: re.Match[bytes], messages: list[bytes]) -> int:
        """Take one counted record; return where the next one begins."""
        size, begin = int(count[1]), count.end() - 1
        end = begin + size
        if size > self._limit:
            detail = f"{size} bytes announced, {self._limit} accepted"
            self._given_up = (detail, data[begin : min(end, begin + HEAD_BYTES)])
            self._skip = max(0, end - len(data))
            if not self._skip:
                self._reject_given_up()
        elif end > len(data):
            self._hold(data[count.start() :], missing=end - len(data))
        else:
            messages.append(data[begin:end])
        return min(end, len(data))

    def _cut_lines(self, data: bytes, position: int, messages: list[bytes]) -> int:
        """Take lines until one may be a counted record; return where the next record begins."""
        last = max(data.rfind(b"\n", position), data.rfind(b"\0", position)) + 1
        if last > position:
            lines = data[position:last].replace(b"\0", b"\n").split(b"\n", _LINES_AT_A_TIME)
            begin = position
            for line in lines[:-1]:
                if line and line[0] in _NONZERO_DIGITS and position != begin:
                    break
                position += len(line) + 1
                message = line[:-1] if line.endswith(b"\r") else line
                if len(message) > self._limit:
                    self._reject_line(message)
                elif message:
                    messages.append(message)
            return position
        rest = data[position:]
        if len(rest) > self._limit + 1:  # one more, because a CR may belong to the trailer
            self._reject_line(rest)
            self._skip_line = True
        else:
            self._hold(rest)
        return len(data)

    def _reject_line(self, line: bytes) -> None:
        detail = f"a line of more than {self._limit} bytes"
        head = line[: min(HEAD_BYTES, self._limit)]
        self.rejected.append(Rejected("too_long", detail, head))

    def _reject_given_up(self) -> None:
        if self._given_up is not None:
            self.rejected.append(Rejected("too_long", *self._given_up))
            self._given_up = None

    def _only_adds(self, received: bytes) -> bool:
        """Whether the held record stays incomplete; then ``received`` was added to it.

        This keeps a message that arrives in many small pieces linear.
        """
        if self._missing:
            if len(received) >= self._missing:
                return False
            self._missing -= len(received)
        elif (
            (self._held_bytes < _MAX_COUNT_BYTES and self._held[0][0] in _NONZERO_DIGITS)
            or self._held_bytes + len(received) > self._limit
            or b"\n" in received
            or b"\0" in received
        ):
            return False
        self._held.append(received)
        self._held_bytes += len(received)
        return True

    def _after_skipped(self, received: bytes) -> bytes:
        """What follows the message that was given up; empty while still inside it."""
        if self._skip:
            skipped = received[: self._skip]
            self._skip -= len(skipped)
            if self._given_up is not None:
                detail, head = self._given_up
                head += skipped[: HEAD_BYTES - len(head)]
                self._given_up = (detail, head)
                if not self._skip or len(head) == HEAD_BYTES:
                    self._reject_given_up()
            return received[len(skipped) :]
        ends = [at for at in (received.find(b"\n"), received.find(b"\0")) if at >= 0]
        if not ends:
            return b""
        self._skip_line = False
        return received[min(ends) + 1 :]

    def _hold(self, begun: bytes, *, missing: int = 0) -> None:
        self._held = [begun] if begun else []
        self._held_bytes = len(begun)
        self._missing = missing
