"""The rule files of a directory, a git checkout or a zip, read whole and within bounds.

Only files that the loader or the rule tests would read are taken; hidden folders and symbolic links
are left out and counted. What could write outside its place or grow without bound refuses the whole
source: an import is all or nothing.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from detections.errors import ImportRefused
from detections.rule_set import MAX_FILE_BYTES, TESTS_SUFFIXES

# SigmaHQ has 4,000 rule files of 20 MB together; its whole repository 15,000 files.
MAX_FILES = 50_000
MAX_TOTAL_BYTES = 256 << 20
MAX_ZIP_BYTES = 256 << 20
MAX_ZIP_DIRECTORY_BYTES = 16 << 20
MAX_RATIO = 200
_RATIO_COUNTS_FROM = 64 << 10
_MAX_NAME_CHARS = 500
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What a document of Sigma cannot do without; repositories hold much other YAML.
_SIGMA = re.compile(rb"\b(?:detection|correlation|filter|action)[\"']?\s*:")
# .ZIP File Format Specification 6.3: 4.3.16 end of central directory, 4.3.15 its zip64 locator.
_END, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _MAX_COMMENT_BYTES = 22, 0xFFFF


@dataclass(slots=True)
class ImportSource:
    """What was found.

    Attributes:
        origin: Where it came from, for people.
        revision: The commit of a git checkout; else empty.
        files: Content by relative path, with ``/``.
        links: Symbolic links left out.
        too_large: Rule files that are larger than the loader accepts, left out, with their sizes.
        other: Files that are no Sigma documents and no rule tests, left out.
    """

    origin: str
    revision: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    links: int = 0
    too_large: dict[str, int] = field(default_factory=dict)
    other: int = 0
    _bytes: int = 0

    def take(self, name: str, size: int) -> bool:
        """Whether a file is a rule that is to be read; what is left out is counted.

        Raises:
            ImportRefused: One too many, or too many bytes together.
        """
        if not name.endswith((".yml", ".yaml")):
            self.other += 1
            return False
        if size > MAX_FILE_BYTES:
            self.too_large[name] = size
            return False
        self._bytes += size
        if len(self.files) >= MAX_FILES:
            raise ImportRefused(f"{self.origin} holds more than {MAX_FILES} rule files")
        if self._bytes > MAX_TOTAL_BYTES:
            raise ImportRefused(f"{self.origin} holds more than {MAX_TOTAL_BYTES} bytes of rules")
        return True

    def keep(self, name: str, content: bytes) -> None:
        """Take the content of a file, unless it is YAML about something else."""
        if name.endswith(TESTS_SUFFIXES) or _SIGMA.search(content):
            self.files[name] = content
        else:
            self.other += 1


def read_source(path: Path) -> ImportSource:
    """Everything that would be imported from a directory or a zip.

    Raises:
        ImportRefused: It is neither, cannot be read, or is not within bounds.
    """
    try:
        if path.is_dir():
            return _read_directory(path)
        if path.is_file() and zipfile.is_zipfile(path):
            return _read_zip(path)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    raise ImportRefused(f"{path} is neither a directory (or git checkout) nor a zip")


def _read_directory(directory: Path) -> ImportSource:
    found = ImportSource(origin=str(directory.resolve()), revision=_commit(directory))
    for path in _walk(directory, found):
        name = path.relative_to(directory).as_posix()
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            found.links += 1
        elif not stat.S_ISREG(status.st_mode):
            found.other += 1
        elif found.take(name, status.st_size):
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
            if len(content) > status.st_size:
                raise ImportRefused(f"{path} grew while it was read")
            found.keep(name, content)
    return found


def _walk(directory: Path, found: ImportSource) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(directory, onerror=fail):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found.links += len(links)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _commit(directory: Path) -> str:
    """The commit that a git checkout stands at, as far as its files say; else empty."""
    git = directory / ".git"
    try:
        head = (git / "HEAD").read_text()[:_MAX_NAME_CHARS].strip()
        if not head.startswith("ref: "):
            return head
        reference = head.removeprefix("ref: ")
        loose = git / reference
        if ".." not in reference and loose.is_file():
            return loose.read_text()[:_MAX_NAME_CHARS].strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(" " + reference)), "")
    except (OSError, UnicodeDecodeError):
        return ""


def _read_zip(path: Path) -> ImportSource:
    found = ImportSource(origin=str(path.resolve()))
    _check_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    _read_entry(archive, entry, found)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
        raise ImportRefused(f"{path} cannot be read: {error}") from error
    return found


def _check_directory(path: Path) -> None:
    """Refuse a zip whose list of entries alone would take much memory.

    Raises:
        ImportRefused: The list is long, or this is not a plain zip.
    """
    size = path.stat().st_size
    if size > MAX_ZIP_BYTES:
        raise ImportRefused(f"{path} has {size} bytes, of which {MAX_ZIP_BYTES} are accepted")
    with path.open("rb") as file:
        file.seek(max(size - _END_BYTES - _MAX_COMMENT_BYTES - 20, 0))
        tail = file.read()
    if tail.count(_END) != 1 or _LOCATOR64 in tail:
        raise ImportRefused(f"{path} is not a plain zip (zip64 is not read)")
    at = tail.index(_END)
    (length,) = struct.unpack_from("<I", tail.ljust(at + _END_BYTES, b"\0"), at + 12)
    if length > MAX_ZIP_DIRECTORY_BYTES:
        raise ImportRefused(f"{path} lists more entries than {MAX_ZIP_DIRECTORY_BYTES} bytes hold")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, found: ImportSource) -> None:
    name = _safe(entry, found.origin)
    if stat.S_ISLNK(entry.external_attr >> 16):
        found.links += 1
        return
    if any(part.startswith(".") for part in PurePosixPath(name).parts):
        found.other += 1
        return
    if not found.take(name, entry.file_size):
        return
    if name in found.files:
        raise ImportRefused(f"{found.origin} holds {name!r} twice")
    packed = max(entry.compress_size, 1)
    if entry.file_size > _RATIO_COUNTS_FROM and entry.file_size > MAX_RATIO * packed:
        raise ImportRefused(f"{found.origin}: {name!r} unpacks to more than {MAX_RATIO} times")
    if entry.compress_type not in _METHODS:
        raise ImportRefused(f"{found.origin}: {name!r} is packed in a way that is not read")
    with archive.open(entry) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) != entry.file_size:
        raise ImportRefused(f"{found.origin}: {name!r} is not as long as it says")
    found.keep(name, content)


def _safe(entry: zipfile.ZipInfo, origin: str) -> str:
    """The path of an entry, below the place it is put.

    Raises:
        ImportRefused: It would lie elsewhere.
    """
    name = entry.filename
    parts = name.split("/")
    if (
        len(name) > _MAX_NAME_CHARS
        or not name.isprintable()
        or "\\" in name
        or ":" in parts[0]
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise ImportRefused(f"{origin}: the path {name[:80]!r} leads out of its place or is odd")
    return name
