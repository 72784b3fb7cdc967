"""An import is in force whole or not at all, and the one before is kept."""

import fcntl
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from detections import rule_import
from detections.data_seen import Lacking, seen_of
from detections.errors import ImportRefused
from detections.import_source import ImportSource, read_source
from detections.rule_import import MANIFEST, ImportReport, import_rules, name_for
from detections.rule_set import load

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


def rule(number: int, field: str = "user") -> bytes:
    return (
        f"title: Rule {number}\nid: 8f0c3f54-0000-4000-8000-{number:012}\n"
        f"logsource: {{product: linux}}\ndetection: {{a: {{{field}: x}}, condition: a}}\n"
    ).encode()


def source(**files: bytes) -> ImportSource:
    named = {name.replace("_", "/") + ".yml": content for name, content in files.items()}
    return ImportSource(origin="test", revision="0123", files=named)


def titles(home: Path) -> list[str]:
    found = load([home / "rules"])
    assert not found.problems
    return sorted(rule.title for rule in found.rules)


def test_an_import_is_in_force_and_says_where_it_is_from(tmp_path: Path) -> None:
    report = import_rules(source(a=rule(1), b_c=rule(2)), tmp_path, "sigma", now=NOW)

    assert titles(tmp_path) == ["Rule 1", "Rule 2"]
    assert json.loads((tmp_path / "rules" / "sigma" / MANIFEST).read_text()) == {
        "origin": "test",
        "revision": "0123",
        "imported": "2026-11-29T09:00:00+00:00",
        "files": 2,
    }
    assert (report.replaced, report.lacking, report.ready) == (False, None, 2)


@pytest.mark.parametrize("exchange", [True, False])
def test_an_import_replaces_the_one_before_and_keeps_it_once(
    tmp_path: Path, exchange: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchange:
        monkeypatch.setattr(rule_import, "_exchange", lambda one, other: False)
    import_rules(source(other=rule(9)), tmp_path, "other", now=NOW)

    for number in (1, 2, 3):
        report = import_rules(source(a=rule(number)), tmp_path, "sigma", now=NOW)

        assert report.replaced == (number > 1)
        assert titles(tmp_path) == [f"Rule {number}", "Rule 9"]

    (kept,) = load([tmp_path / "imports" / "sigma" / "earlier"]).rules
    assert kept.title == "Rule 2"
    assert not (tmp_path / "imports" / "sigma" / "incoming").exists()


def test_the_import_before_can_be_imported_again(tmp_path: Path) -> None:
    import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)
    import_rules(source(b=rule(2)), tmp_path, "sigma", now=NOW)

    earlier = read_source(tmp_path / "imports" / "sigma" / "earlier")
    import_rules(earlier, tmp_path, "sigma", now=NOW)

    assert titles(tmp_path) == ["Rule 1"]
    (kept,) = load([tmp_path / "imports" / "sigma" / "earlier"]).rules
    assert kept.title == "Rule 2"


def test_who_looks_meanwhile_always_sees_an_import(tmp_path: Path) -> None:
    import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)
    stop, missing, looks = threading.Event(), [], [0]

    def look() -> None:
        while not stop.is_set():
            looks[0] += 1
            if not (tmp_path / "rules" / "sigma" / "a.yml").exists():
                missing.append(looks[0])

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(5):
            import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)
    finally:
        stop.set()
        looker.join()

    assert looks[0] > 0
    assert not missing


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a.yml": rule(1), "a.yml/b.yml": rule(2)}, "nothing was imported"),
        ({"a.yml": b"title: T\ndetection: {}"}, "no rule that loads; the first problem: a.yml:1"),
        ({}, "holds no rule files"),
    ],
)
def test_what_cannot_be_imported_changes_nothing(
    tmp_path: Path, given: dict[str, bytes], said: str
) -> None:
    import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)
    import_rules(source(a=rule(2)), tmp_path, "sigma", now=NOW)

    with pytest.raises(ImportRefused, match=said):
        import_rules(ImportSource(origin="x", files=given), tmp_path, "sigma", now=NOW)

    assert titles(tmp_path) == ["Rule 2"]
    assert load([tmp_path / "imports" / "sigma" / "earlier"]).rules[0].title == "Rule 1"
    import_rules(source(a=rule(3)), tmp_path, "sigma", now=NOW)
    assert titles(tmp_path) == ["Rule 3"]


def test_a_dry_run_writes_nothing_and_reports_the_same(tmp_path: Path) -> None:
    def run(dry_run: bool) -> ImportReport:
        return import_rules(
            source(a=rule(1), b=b"title: T\ndetection: {}"),
            tmp_path,
            "sigma",
            now=NOW,
            dry_run=dry_run,
        )

    dry = run(dry_run=True)
    assert list(tmp_path.iterdir()) == []
    wet = run(dry_run=False)

    assert [str(problem) for problem in dry.problems] == [str(problem) for problem in wet.problems]
    assert dry.problems[0].path == "b.yml"
    assert (dry.ready, dry.replaced) == (wet.ready, wet.replaced) == (1, False)


def test_the_report_says_what_the_data_lacks_and_which_ids_are_taken(tmp_path: Path) -> None:
    seen = seen_of([({"logsource.product": "linux"}, {"user"}, 1)])
    other = rule(3).replace(b"linux", b"macos")
    given = source(a=rule(1), b=rule(2, field="shell"), c=other)
    given.too_large["d.yml"] = 2 << 20

    report = import_rules(
        given,
        tmp_path,
        "sigma",
        seen=seen,
        known={"8f0c3f54-0000-4000-8000-000000000002": "own/b.yml"},
        now=NOW,
    )

    assert report.lacking is not None
    assert [(one.title, lack) for one, lack in report.lacking] == [
        ("Rule 2", Lacking(fields=("shell",))),
        ("Rule 3", Lacking()),
    ]
    assert report.ready == 1
    assert [(one.title, path) for one, path in report.taken] == [("Rule 2", "own/b.yml")]
    assert [str(one) for one in report.problems] == [
        "d.yml:1: 2097152 bytes are too many for a rule"
    ]


def test_a_directory_of_ones_own_is_not_replaced(tmp_path: Path) -> None:
    own = tmp_path / "rules" / "own"
    own.mkdir(parents=True)
    (own / "a.yml").write_bytes(rule(1))

    with pytest.raises(ImportRefused, match="was not imported; choose another name"):
        import_rules(source(a=rule(2)), tmp_path, "own", now=NOW)

    assert titles(tmp_path) == ["Rule 1"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", ".hidden", "x" * 65])
def test_a_name_is_one_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportRefused, match="is no name"):
        import_rules(source(a=rule(1)), tmp_path, name, now=NOW)


def test_one_import_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "imports").mkdir()
    with (tmp_path / "imports" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        with pytest.raises(ImportRefused, match="another import is under way"):
            import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)

    import_rules(source(a=rule(1)), tmp_path, "sigma", now=NOW)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/x/sigma", "sigma"), ("/x/SigmaHQ core.zip", "sigmahq-core"), ("/x/---", "imported")],
)
def test_the_name_is_that_of_the_source(path: str, name: str) -> None:
    assert name_for(Path(path)) == name
