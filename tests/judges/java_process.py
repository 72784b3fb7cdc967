"""A Java program of a peer that runs beside a judge, and ends with it however the story ends."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.kafka_tools import java
from tests.support.peers import end

STOP_SECONDS = 120


@contextmanager
def running(
    main_class: str, *arguments: str, peer: str, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run it, with what it prints in ``log``; stopped in order unless it was killed before."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            java(main_class, *arguments, peers=(peer,)), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        end(process, STOP_SECONDS)


def last_words(log: Path) -> str:
    """Its last line about an error, or its last one."""
    lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
    errors = [line for line in lines if "ERROR" in line or "Exception" in line]
    return (errors or lines or ["it says nothing"])[-1]
