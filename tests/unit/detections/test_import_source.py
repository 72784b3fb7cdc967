"""What an import takes of a directory, a checkout or a zip, and what refuses it as a whole."""

import os
import stat
import zipfile
from pathlib import Path

import pytest

from detections import import_source
from detections.errors import ImportRefused
from detections.import_source import ImportSource, read_source

RULE = b"title: T\nlogsource: {product: linux}\ndetection: {a: {b: c}, condition: a}\n"


def packed(directory: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = directory / "rules.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def test_a_directory_gives_its_rules_and_their_tests(tmp_path: Path) -> None:
    (tmp_path / "linux").mkdir()
    (tmp_path / ".github").mkdir()
    (tmp_path / "linux" / "a.yml").write_bytes(RULE)
    (tmp_path / "linux" / "a.tests.yml").write_bytes(b"match: []")
    (tmp_path / "b.yaml").write_bytes(b'{"title": "T", "correlation": {}}')
    (tmp_path / "README.md").write_bytes(b"read me")
    (tmp_path / "info.yml").write_bytes(b"date: today")
    (tmp_path / ".github" / "ci.yml").write_bytes(RULE)
    (tmp_path / "large.yml").write_bytes(RULE + b"#" * (1 << 20))
    (tmp_path / "link.yml").symlink_to("/etc/passwd")
    (tmp_path / "up").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe.yml")

    found = read_source(tmp_path)

    assert sorted(found.files) == ["b.yaml", "linux/a.tests.yml", "linux/a.yml"]
    assert found.files["linux/a.yml"] == RULE
    assert found.too_large == {"large.yml": len(RULE) + (1 << 20)}
    assert (found.links, found.other, found.revision) == (2, 3, "")


@pytest.mark.parametrize(
    ("files", "commit"),
    [
        ({"HEAD": "0123abcd\n"}, "0123abcd"),
        ({"HEAD": "ref: refs/heads/main\n", "refs/heads/main": "4567cdef\n"}, "4567cdef"),
        (
            {"HEAD": "ref: refs/heads/main\n", "packed-refs": "# pack\n89ef refs/heads/main\n"},
            "89ef",
        ),
        ({"HEAD": "ref: ../../secret\n", "../secret": "no"}, ""),
        ({}, ""),
    ],
)
def test_a_checkout_says_its_commit(tmp_path: Path, files: dict[str, str], commit: str) -> None:
    (tmp_path / "a.yml").write_bytes(RULE)
    for name, text in files.items():
        path = tmp_path / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert read_source(tmp_path).revision == commit


def test_a_zip_gives_the_same_as_a_directory(tmp_path: Path) -> None:
    path = packed(
        tmp_path,
        {
            "sigma/": b"",
            "sigma/linux/a.yml": RULE,
            "sigma/README.md": b"",
            "sigma/.github/ci.yml": RULE,
            "sigma/info.yml": b"date: today",
        },
    )

    found = read_source(path)

    assert found.files == {"sigma/linux/a.yml": RULE}
    assert (found.links, found.other) == (0, 3)


def test_a_link_in_a_zip_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rules.zip"
    link = zipfile.ZipInfo("link.yml")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.yml", RULE)

    found = read_source(path)

    assert (list(found.files), found.links) == (["a.yml"], 1)


@pytest.mark.parametrize(
    "name",
    ["../a.yml", "/a.yml", "a/../../b.yml", "a\\..\\b.yml", "C:/a.yml", "a//b.yml", "a\nb.yml"],
)
def test_a_path_out_of_its_place_refuses_the_zip(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path, {"good.yml": RULE, name: RULE})

    with pytest.raises(ImportRefused, match="leads out of its place"):
        read_source(path)


@pytest.mark.parametrize(
    ("entries", "method", "said"),
    [
        ({"a.yml": RULE + b"#" * (1 << 19)}, zipfile.ZIP_DEFLATED, "unpacks to more than 200"),
        ({"a.yml": RULE}, zipfile.ZIP_BZIP2, "in a way that is not read"),
    ],
)
def test_a_zip_that_swells_or_is_packed_oddly_is_refused(
    tmp_path: Path, entries: dict[str, bytes], method: int, said: str
) -> None:
    with pytest.raises(ImportRefused, match=said):
        read_source(packed(tmp_path, entries, method))


def test_bounds_hold_for_files_and_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path, {f"{number}.yml": RULE for number in range(10)})

    monkeypatch.setattr(import_source, "MAX_FILES", 9)
    with pytest.raises(ImportRefused, match="more than 9 rule files"):
        read_source(path)

    monkeypatch.undo()
    monkeypatch.setattr(import_source, "MAX_TOTAL_BYTES", 9 * len(RULE))
    with pytest.raises(ImportRefused, match="bytes of rules"):
        read_source(path)

    monkeypatch.undo()
    monkeypatch.setattr(import_source, "MAX_ZIP_BYTES", 100)
    with pytest.raises(ImportRefused, match="of which 100 are accepted"):
        read_source(path)

    monkeypatch.undo()
    monkeypatch.setattr(import_source, "MAX_ZIP_DIRECTORY_BYTES", 100)
    with pytest.raises(ImportRefused, match="lists more entries"):
        read_source(path)


def test_damage_refuses_the_zip(tmp_path: Path) -> None:
    path = packed(tmp_path, {"a.yml": RULE * 50})
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\xff" * 8 + whole[48:])

    with pytest.raises(ImportRefused, match=r"cannot be read|not as long"):
        read_source(path)

    path.write_bytes(whole + b"PK\x06\x07" + b"\0" * 16 + whole[-22:])
    with pytest.raises(ImportRefused, match="not a plain zip"):
        read_source(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_path_twice_refuses_the_zip(tmp_path: Path) -> None:
    path = tmp_path / "rules.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.yml", RULE)
        archive.writestr("a.yml", RULE)

    with pytest.raises(ImportRefused, match=r"'a\.yml' twice"):
        read_source(path)


def test_neither_a_directory_nor_a_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(RULE)

    for path in (tmp_path / "a.yml", tmp_path / "gone"):
        with pytest.raises(ImportRefused, match="neither a directory"):
            read_source(path)


def test_yaml_about_something_else_is_left_out() -> None:
    source = ImportSource(origin="test")

    source.keep("a.yml", b"detections: none")
    source.keep("b.yml", b"'filter': {}")
    source.keep("c.tests.yml", b"match: []")

    assert (sorted(source.files), source.other) == (["b.yml", "c.tests.yml"], 1)
