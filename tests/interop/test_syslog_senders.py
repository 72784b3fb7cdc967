"""rsyslog, logger and netcat-like senders against our collectors, over a real broker."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.schema.event import Event
from tests.support.collectors import CollectorsProcess, events
from tests.support.peers import program, rsyslogd
from tests.support.ports import free_port
from tests.support.standalone_broker import StandaloneBroker
from tests.support.waiting import until

COUNT = 500
DATAGRAMS = 100  # fit into a socket's buffer by default, however late it is read


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneBroker]:
    """One broker for all senders; each test tells its own messages by a word in them."""
    with StandaloneBroker(tmp_path_factory.mktemp("broker")) as started:
        yield started


@pytest.fixture(scope="module")
def collectors(broker: StandaloneBroker) -> Iterator[CollectorsProcess]:
    """The collectors in front of it."""
    with CollectorsProcess(broker.address) as started:
        yield started


def arrived(broker: StandaloneBroker, word: str, count: int) -> list[Event]:
    """The events with that word, once there are so many of them."""

    def found() -> list[Event]:
        return [event for event in events(broker.address) if word in str(event.fields["message"])]

    until(lambda: len(found()) >= count, f"{count} events with {word}")
    return found()


def feed(socket_path: Path, word: str, count: int = COUNT) -> None:
    """Give an rsyslogd messages, as a local program would."""
    until(socket_path.exists, "rsyslogd listens")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(socket_path))
        for number in range(count):
            sender.send(b"<86>Nov 22 12:00:00 mail sshd[42]: %s %d\n" % (word.encode(), number))


@pytest.mark.peer("rsyslogd")
@pytest.mark.parametrize(
    ("word", "protocol", "options"),
    [
        ("octets", "tcp", 'TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"'),
        (
            "trailers",
            "tcp",
            'TCP_Framing="traditional" template="RSYSLOG_TraditionalForwardFormat"',
        ),
        ("datagrams", "udp", 'template="RSYSLOG_ForwardFormat"'),
    ],
)
def test_rsyslog_forwards(
    broker: StandaloneBroker,
    collectors: CollectorsProcess,
    tmp_path: Path,
    word: str,
    protocol: str,
    options: str,
) -> None:
    port = collectors.ports[f"syslog_{protocol}"]
    count = DATAGRAMS if protocol == "udp" else COUNT
    action = (
        f'action(type="omfwd" target="127.0.0.1" port="{port}" protocol="{protocol}" {options})'
    )

    with rsyslogd(tmp_path, tmp_path / "log.socket", action):
        feed(tmp_path / "log.socket", word, count)
        found = arrived(broker, word, count)

    assert sorted(int(str(event.fields["message"]).split()[-1]) for event in found) == list(
        range(count)
    )
    assert {event.source for event in found} == {"syslog:127.0.0.1"}
    assert {event.fields["program"] for event in found} == {"sshd"}
    assert {event.fields["pid"] for event in found} == {42}
    assert {event.fields["log.syslog.facility"] for event in found} == {"authpriv"}
    assert {event.fields["logsource.product"] for event in found} == {"linux"}
    assert all("parse_error" not in event.fields for event in found)


@pytest.mark.peer("rsyslogd")
def test_rsyslog_produces_to_raw_syslog(
    broker: StandaloneBroker, collectors: CollectorsProcess, tmp_path: Path
) -> None:
    if not list(Path("/usr/lib").glob("*/rsyslog/omkafka.so")):
        pytest.skip("rsyslog's omkafka is not installed")
    action = f"""
        module(load="omkafka")
        action(type="omkafka" broker=["{broker.address}"] topic="raw.syslog"
               template="RSYSLOG_SyslogProtocol23Format" confParam=["acks=all"])
    """

    with rsyslogd(tmp_path, tmp_path / "log.socket", action):
        feed(tmp_path / "log.socket", "omkafka")
        found = arrived(broker, "omkafka", COUNT)

    assert len(found) == COUNT
    assert {event.source for event in found} == {"kafka:raw.syslog"}
    assert {event.fields["program"] for event in found} == {"sshd"}


@pytest.mark.peer("rsyslogd")
def test_rsyslog_loses_nothing_when_the_collectors_are_restarted_in_order(
    broker: StandaloneBroker, tmp_path: Path
) -> None:
    with CollectorsProcess(broker.address, syslog={"port": free_port()}) as restarted:
        port = restarted.ports["syslog_tcp"]
        action = f"""action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"
            TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"
            action.resumeRetryCount="-1" action.resumeInterval="1" queue.type="LinkedList")"""
        with rsyslogd(tmp_path, tmp_path / "log.socket", action):
            feed(tmp_path / "log.socket", "before")
            arrived(broker, "before", COUNT)
            restarted.stop()
            feed(tmp_path / "log.socket", "during")
            restarted.start()
            feed(tmp_path / "log.socket", "after")
            during, after = (arrived(broker, word, COUNT) for word in ("during", "after"))

    assert len(during) == len(after) == COUNT


@pytest.mark.peer("logger")
@pytest.mark.parametrize(
    ("options", "protocol"),
    [
        (("--tcp", "--octet-count"), "tcp"),
        (("--tcp",), "tcp"),
        (("--udp",), "udp"),
        (("--udp", "--rfc3164"), "udp"),
        (("--tcp", "--rfc3164"), "tcp"),
    ],
)
def test_logger_sends_one_line(
    broker: StandaloneBroker,
    collectors: CollectorsProcess,
    options: tuple[str, ...],
    protocol: str,
) -> None:
    word = "logger" + "".join(options).replace("-", "") + "."
    port = str(collectors.ports[f"syslog_{protocol}"])

    command = [program("logger"), "--server", "127.0.0.1", "--port", port, *options]
    subprocess.run([*command, "--tag", "backup", "--priority", "user.err", word], check=True)

    (event,) = arrived(broker, word, 1)
    assert event.fields["message"] == word
    assert event.fields["program"] == "backup"
    assert event.fields["log.level"] == "err"
