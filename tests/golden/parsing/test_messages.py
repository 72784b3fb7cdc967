"""Messages of every log source beside their recorded, reviewed fields.

A file's suffix is the dialect its lines are parsed as; all values are made up by us.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.parsing.detect import Dialect, parse
from tests.golden.conftest import Golden

RECEIVED = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIALECTS = {".syslog": Dialect.SYSLOG, ".ndjson": Dialect.JSON, ".lines": Dialect.LINE}
FILES = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in DIALECTS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_messages_parse_as_recorded(path: Path, golden: Golden) -> None:
    dialect = DIALECTS[path.suffix]
    parsed = [
        (line, parse(line, received=RECEIVED, dialect=dialect))
        for line in path.read_bytes().splitlines()
    ]

    golden(
        path.with_name(f"{path.name}.json"),
        [
            {
                "message": line.decode(),
                "time": found.time.isoformat() if found.time else None,
                "fields": found.fields,
            }
            for line, found in parsed
        ],
    )
