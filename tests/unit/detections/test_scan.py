import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from detections.detector import Detected, Detector
from detections.rule_set import load
from detections.scan import MAX_LINE_BYTES, event_of_line, main_scan
from detections.settings import DetectionSettings
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_event, encode_event
from pipeline.schema.event import Event, Kind

RULES = """title: Evil
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001
logsource: {category: test}
detection: {s: {word: evil}, condition: s}
level: high
---
title: Keyword
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002
logsource: {category: test}
detection: {k: [needle], condition: k}
level: low
---
title: Login
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c003
name: login
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: Logins
id: 9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c004
correlation: {type: event_count, rules: [login], timespan: 5m, condition: {gte: 3}}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules" / "rules.yml"
    path.parent.mkdir()
    path.write_text(RULES)
    return path.parent


def scan(
    rules: Path, files: list[Path], *log_source: str, time_field: str = ""
) -> tuple[int, list[dict[str, Any]], list[str]]:
    out, err = io.StringIO(), io.StringIO()
    code = main_scan([rules], files, log_source, out, err, time_field=time_field)
    found = [json.loads(line) for line in out.getvalue().splitlines()]
    return code, found, err.getvalue().split("\n")


def test_a_match_is_one_line_that_says_where_and_what(rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"word": "good"}\n\n{"word": "EVIL", "text": "a needle"}\n')

    code, found, said = scan(rules, [file], "category=test")

    assert code == 0
    assert found == [
        {
            "file": str(file),
            "line": 3,
            "rule": "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c001",
            "title": "Evil",
            "level": "high",
        },
        {
            "file": str(file),
            "line": 3,
            "rule": "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c002",
            "title": "Keyword",
            "level": "low",
        },
    ]
    assert said[-2].startswith("2 events, 2 matches, 3 rules, 0 problems, 1 correlations not")
    assert "--time-field" in said[-2]


def test_an_event_without_a_log_source_is_meant_by_no_rule(rules: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"word": "evil"}\n{"word": "evil", "logsource": {"category": "test"}}\n')

    _, found, _ = scan(rules, [file])

    assert [match["line"] for match in found] == [2]


def test_gzip_text_and_raw_members_are_read(rules: Path, tmp_path: Path) -> None:
    packed, text = tmp_path / "events.ndjson.gz", tmp_path / "messages.log"
    packed.write_bytes(gzip.compress(b'\xef\xbb\xbf{"_raw": "a needle", "word": "x"}\r\n'))
    text.write_bytes(b'a Needle in \xff text\r\nnothing\n{"word": "evil"}\n')

    code, found, _ = scan(rules, [packed, text], "category=test")

    assert code == 0
    assert [(match["file"], match["line"], match["title"]) for match in found] == [
        (str(packed), 1, "Keyword"),
        (str(text), 1, "Keyword"),
        (str(text), 3, "Evil"),
    ]


def logins(*events: tuple[object, str]) -> str:
    """Lines of logins, each with a time and a user."""
    return "".join(
        json.dumps({"Channel": "Security", "EventID": 4624, "at": at, "user": user}) + "\n"
        for at, user in events
    )


def test_with_a_time_field_correlations_are_evaluated_over_all_files(
    rules: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    first.write_text(logins(("2026-03-01T12:09:00Z", "a"), ("2026-03-01T12:00:00Z", "b")))
    second.write_text(logins((1772366460, "c"), (None, "d"), ("soon", "e"), ("1772366520000", "f")))

    code, found, said = scan(rules, [first, second], time_field="at")

    assert code == 0
    assert found == [
        {
            "file": str(second),
            "rule": "9b1d0c1e-7a0e-4f5e-8a55-0f3a53a1c004",
            "title": "Logins",
            "level": "medium",
            "group": {},
            "lines": [2, 1, 4],
            "files": [str(first), str(second), str(second)],
        }
    ]
    assert "6 events, 1 matches, 3 rules, 0 problems, 1 correlations, 2 events without" in said[-2]


def test_at_the_end_of_the_files_open_windows_are_judged(rules: Path, tmp_path: Path) -> None:
    (rules / "few.yml").write_text(
        "title: Few\ncorrelation: {type: event_count, rules: [login], group-by: [user], "
        "timespan: 5m, condition: {lt: 2}}\n"
    )
    file = tmp_path / "events.ndjson"
    file.write_text(logins((0, "a"), (1, "b"), (2, "b")))

    _, found, _ = scan(rules, [file], time_field="at")

    assert [(one["title"], one["lines"]) for one in found] == [("Logins", [1, 2, 3]), ("Few", [1])]
    assert found[1]["group"] == {"user": "a"}


def test_who_falls_silent_is_told_but_the_end_of_the_files_is_no_silence(
    rules: Path, tmp_path: Path
) -> None:
    (rules / "silent.yml").write_text(
        "title: Silent\ncorrelation: {type: absence, rules: [login], group-by: [user], "
        "timespan: 5m}\n"
    )
    file = tmp_path / "events.ndjson"
    file.write_text(logins((0, "a"), (100, "b"), (301, "b")))

    _, found, _ = scan(rules, [file], time_field="at")

    silent = [one for one in found if one["title"] == "Silent"]
    assert [(one["group"], one["lines"]) for one in silent] == [({"user": "a"}, [1])]


def test_what_did_not_count_is_said(rules: Path, tmp_path: Path) -> None:
    (rules / "by.yml").write_text(
        "title: By\ncorrelation: {type: event_count, rules: [login], group-by: [host], "
        "timespan: 5m, condition: {gte: 2}}\n"
    )
    file = tmp_path / "events.ndjson"
    file.write_text(logins((0, "a"), (1, "b")))

    _, _, said = scan(rules, [file], time_field="at")

    assert "2 not correlated (no group)" in said[-2]


def test_windows_events_are_routed_and_rules_that_only_count_are_silent(
    rules: Path, tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text('{"Channel": "Security", "EventID": 4624}\n')
    (rules / "alert.yml").write_text(
        "title: Windows\nlogsource: {product: windows}\n"
        "detection: {s: {EventID: 4624}, condition: s}\n"
    )

    _, found, _ = scan(rules, [file])

    assert [match["title"] for match in found] == ["Windows"]


@pytest.mark.parametrize(
    "line", [b"{broken", b"[1]", b'"text"', b"\xff", b"{" * 2_000, b"x" * (MAX_LINE_BYTES + 2)]
)
def test_a_broken_line_is_named_counted_and_passed_over(
    rules: Path, tmp_path: Path, line: bytes
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(line + b'\n{"word": "evil"}\n')

    code, found, said = scan(rules, [file], "category=test")

    assert code == 0
    assert [match["line"] for match in found] == [2]
    assert said[0].startswith(f"{file}:1: ")
    assert "1 broken lines" in said[-2]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_scanned(
    rules: Path, tmp_path: Path
) -> None:
    good, cut = tmp_path / "good.ndjson", tmp_path / "cut.ndjson.gz"
    good.write_text('{"word": "evil"}\n')
    cut.write_bytes(gzip.compress(b'{"word": "x"}\n' * 1_000)[:40])

    code, found, said = scan(rules, [tmp_path / "none", cut, good], "category=test")

    assert code == 1
    assert len(found) == 1
    assert [str(path) in " ".join(said) for path in (tmp_path / "none", cut)] == [True, True]


@pytest.mark.parametrize("option", ["vendor=x", "product"])
def test_a_log_source_that_is_none_is_a_usage_error(rules: Path, option: str) -> None:
    code, _, said = scan(rules, [], option)

    assert code == 2
    assert said[0].startswith("--logsource:")


def test_rules_that_are_not_there_are_a_usage_error(tmp_path: Path) -> None:
    assert scan(tmp_path / "nowhere", [])[0] == 2


def test_problems_with_rules_are_said(rules: Path, tmp_path: Path) -> None:
    (rules / "bad.yml").write_text("title: [")

    code, _, said = scan(rules, [])

    assert code == 0
    assert "bad.yml:2: not YAML" in said[0]


def test_a_reader_that_has_seen_enough_ends_the_scan_quietly(rules: Path, tmp_path: Path) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    file, err = tmp_path / "events.ndjson", io.StringIO()
    file.write_text('{"word": "evil"}\n')

    assert main_scan([rules], [file], ["category=test"], Gone(), err) == 0
    assert "cannot be read" not in err.getvalue()


def test_scan_and_the_live_worker_find_the_same(rules: Path, tmp_path: Path) -> None:
    lines = [
        '{"word": "evil", "n": 1, "logsource": {"category": "test"}}',
        '{"a": {"b": ["x", "needle"]}, "logsource": {"category": "test"}}',
        '{"word": ["good", "EVIL"], "flag": true, "logsource": {"category": "test"}}',
        '{"word": "needless", "logsource": {"category": "test"}}',
        '{"word": null, "logsource": {"category": "test"}}',
        '{"word": "evil"}',
    ]
    file = tmp_path / "events.ndjson"
    file.write_text("\n".join(lines))
    _, scanned, _ = scan(rules, [file])

    detector, live = Detector(load([rules]), DetectionSettings()), Detected()
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for number, line in enumerate(lines, 1):
        fields, _ = event_of_line(line.encode(), is_json=True)
        event = Event(
            id=f"018f0000-0000-7000-8000-{number:012}",
            kind=Kind.LOG,
            time=now,
            observed_time=now,
            source="http:test",
            fields=fields,
            raw=line.encode(),
        )
        read = decode_event(encode_event(event))  # as the worker gets it from the log
        position = EventPosition(id=read.id, topic="t", partition=0, offset=number, time=now)
        detector.detect(read, position, live, observed_time=now)

    assert len(scanned) == 4
    assert [(match["line"], match["rule"]) for match in scanned] == [
        (alert.events[0].offset, alert.rule_id) for alert in live.alerts
    ]


def test_pipelines_and_placeholders_may_be_given(rules: Path, tmp_path: Path) -> None:
    file, pipeline, values = tmp_path / "e.ndjson", tmp_path / "p.yml", tmp_path / "v.yml"
    file.write_text('{"name": "evil"}\n{"word": "evil"}\n{"name": "root"}\n')
    pipeline.write_text("transformations: [{type: field_name_mapping, mapping: {word: name}}]\n")
    values.write_text("admins: [root]\n")
    (rules / "expand.yml").write_text(
        "title: Admin\nlogsource: {category: test}\n"
        "detection: {s: {word|expand: '%admins%'}, condition: s}\n"
    )
    out, err = io.StringIO(), io.StringIO()

    code = main_scan(
        [rules],
        [file],
        ["category=test"],
        out,
        err,
        pipelines=[str(pipeline)],
        placeholder_files=[values],
    )

    found = [json.loads(line) for line in out.getvalue().splitlines()]
    assert code == 0
    assert [(line["line"], line["title"]) for line in found] == [(1, "Evil"), (3, "Admin")]


def test_nothing_is_scanned_without_the_pipeline_that_was_asked_for(
    rules: Path, tmp_path: Path
) -> None:
    out, err = io.StringIO(), io.StringIO()

    code = main_scan([rules], [], [], out, err, pipelines=[str(tmp_path / "missing.yml")])

    assert code == 2
    assert "missing.yml" in err.getvalue()
