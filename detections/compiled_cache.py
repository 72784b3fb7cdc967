"""What rule files compiled to, kept between starts by the digest of their bytes.

So an unchanged file is not parsed again; other placeholders or pipelines make it another file. The
cache is only ever a shortcut: unreadable, it is ignored.
"""

import os
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import msgspec

from detections.documents import Document, compile_text
from detections.processing import Processing

# A change of what documents compile to takes another number, so that old caches are not believed.
_FORMAT = "3"

_Compiled = tuple[Document, ...]


class CompiledCache:
    """Compiled files by the digest of their bytes, in one file of a directory."""

    def __init__(self, directory: Path | None, processing: Processing) -> None:
        self._processing = processing
        self._path = (
            directory / f"rules-{_FORMAT}-{version('pysigma')}.msgpack" if directory else None
        )
        self._known: dict[str, _Compiled] = {}
        self._used: dict[str, _Compiled] = {}
        if self._path is not None:
            with suppress(OSError, msgspec.MsgspecError):
                decoder = msgspec.msgpack.Decoder(dict[str, _Compiled])
                self._known = decoder.decode(self._path.read_bytes())

    def compiled(self, content: bytes, text: str) -> _Compiled:
        """What a file's text compiles to, from the cache or afresh."""
        digest = sha256(content + self._processing.digest.encode()).hexdigest()
        found = self._known.get(digest)
        if found is None:
            found = tuple(compile_text(text, processing=self._processing))
        self._used[digest] = found
        return found

    def save(self) -> None:
        """Replace the cache file when files have changed; a full disk costs only the shortcut."""
        if self._path is None or self._used.keys() == self._known.keys():
            return
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(msgspec.msgpack.encode(self._used))
            fresh.replace(self._path)
