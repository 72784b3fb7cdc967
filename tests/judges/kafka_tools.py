"""Apache Kafka's own tools: each case a short story, judged by what the tools print."""

import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tests.judges.verdict import Trial, Verdict, tried
from tests.support.kafka_tools import (
    ACLS,
    CONFIGS,
    CONSOLE_CONSUMER,
    CONSOLE_PRODUCER,
    GROUPS,
    LOG_DIRS,
    OFFSETS,
    TOOLS,
    TOPICS,
    TRANSACTIONS,
    VERIFIABLE_CONSUMER,
    VERIFIABLE_PRODUCER,
    java,
    run_tool,
)
from tests.support.maven import fetch

SECONDS = 120
RECORDS = 20_000


class Story:
    """The tools, pointed at one broker; each method is a case."""

    def __init__(self, address: str, scratch: Path) -> None:
        self._at = ("--bootstrap-server", address)
        self._scratch = scratch

    def topics(self) -> None:
        """Make, change, describe and delete."""
        self._make("topics", 2)
        run_tool(TOPICS, *self._at, "--alter", "--topic", "topics", "--partitions", "5")
        described = run_tool(TOPICS, *self._at, "--describe", "--topic", "topics")
        assert "PartitionCount: 5" in described, described
        run_tool(TOPICS, *self._at, "--delete", "--topic", "topics")
        assert "topics" not in run_tool(TOPICS, *self._at, "--list").split()

    def configs(self) -> None:
        """Set, read and unset a topic's setting."""
        self._make("configs", 1)
        entity = ("--entity-type", "topics", "--entity-name", "configs")
        run_tool(CONFIGS, *self._at, *entity, "--alter", "--add-config", "retention.ms=5000")
        assert "retention.ms=5000" in run_tool(CONFIGS, *self._at, *entity, "--describe")
        run_tool(CONFIGS, *self._at, *entity, "--alter", "--delete-config", "retention.ms")
        assert "retention.ms=5000" not in run_tool(CONFIGS, *self._at, *entity, "--describe")

    def verifiable_clients(self) -> None:
        """Everything that was acknowledged is read."""
        self._make("verifiable", 3)
        count = ("--topic", "verifiable", "--max-messages", str(RECORDS))
        sent = run_tool(VERIFIABLE_PRODUCER, *self._at, *count, "--acks", "-1")
        assert sent.count('"producer_send_success"') == RECORDS
        group = ("--group-id", "verifiable", "--reset-policy", "earliest")
        read = run_tool(VERIFIABLE_CONSUMER, *self._at, *count, *group)
        assert "shutdown_complete" in read
        ends = run_tool(OFFSETS, *self._at, "--topic", "verifiable").split()
        assert sum(int(end.rsplit(":", 1)[1]) for end in ends) == RECORDS

    def console_clients(self) -> None:
        """Lines in are lines out, in order."""
        self._make("console", 1)
        lines = "".join(f"line {number}\n" for number in range(1_000))
        subprocess.run(
            java(CONSOLE_PRODUCER, *self._at, "--topic", "console"),
            input=lines,
            text=True,
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
        wanted = ("--topic", "console", "--from-beginning", "--max-messages", "1000")
        assert run_tool(CONSOLE_CONSUMER, *self._at, *wanted) == lines

    def groups(self) -> None:
        """Describe, reset, forget one offset, delete."""
        self._make("groups", 1)
        count = ("--topic", "groups", "--max-messages", "20")
        run_tool(VERIFIABLE_PRODUCER, *self._at, *count)
        group = ("--group-id", "readers", "--reset-policy", "earliest")
        run_tool(VERIFIABLE_CONSUMER, *self._at, *count, *group)
        readers = (*self._at, "--group", "readers")
        assert _row(run_tool(GROUPS, *readers, "--describe"))[3:6] == ["20", "20", "0"]
        reset = ("--reset-offsets", "--to-offset", "5", "--execute", "--topic", "groups")
        run_tool(GROUPS, *readers, *reset)
        assert _row(run_tool(GROUPS, *readers, "--describe"))[3:6] == ["5", "20", "15"]
        run_tool(GROUPS, *readers, "--delete-offsets", "--topic", "groups")
        run_tool(GROUPS, *readers, "--delete")

    def delete_records(self) -> None:
        """The log start moves."""
        self._make("deleted", 1)
        run_tool(VERIFIABLE_PRODUCER, *self._at, "--topic", "deleted", "--max-messages", "20")
        wanted = self._scratch / "offsets.json"
        wanted.write_text(
            '{"partitions":[{"topic":"deleted","partition":0,"offset":7}],"version":1}'
        )
        run_tool(f"{TOOLS}.DeleteRecordsCommand", *self._at, "--offset-json-file", str(wanted))
        first = run_tool(OFFSETS, *self._at, "--topic", "deleted", "--time", "earliest")
        assert first.strip() == "deleted:0:7", first

    def log_dirs(self) -> None:
        """Sizes on disk."""
        self._make("sized", 1)
        assert '"partition":"sized-0"' in run_tool(LOG_DIRS, *self._at, "--describe")

    def producer_performance(self) -> None:
        """Kafka's load generator ends with its report."""
        self._make("load", 1)
        limits = ("--num-records", "100000", "--record-size", "200", "--throughput", "-1")
        printed = run_tool(f"{TOOLS}.ProducerPerformance", *self._at, "--topic", "load", *limits)
        assert "100000 records sent" in printed, printed

    def api_versions(self) -> None:
        """What we advertise is read without complaint."""
        assert "Produce(0)" in run_tool(f"{TOOLS}.BrokerApiVersionsCommand", *self._at)

    def transactional_copier(self) -> None:
        """Copy a topic in transactions, aborting some."""
        self._make("copied-from", 1)
        self._make("copied-to", 1)
        count = "1000"
        run_tool(VERIFIABLE_PRODUCER, *self._at, "--topic", "copied-from", "--max-messages", count)
        printed = run_tool(
            f"{TOOLS}.TransactionalMessageCopier",
            *("--input-topic", "copied-from", "--output-topic", "copied-to"),
            *("--input-partition", "0", "--transactional-id", "copier"),
            *("--broker-list", self._at[1], "--consumer-group", "copiers"),
            *("--transaction-size", "100", "--max-messages", count, "--enable-random-aborts"),
        )
        assert '"stage":"ShutdownComplete"' in printed, printed
        wanted = ("--topic", "copied-to", "--from-beginning", "--max-messages", count)
        committed = ("--isolation-level", "read_committed", "--timeout-ms", "20000")
        copied = run_tool(CONSOLE_CONSUMER, *self._at, *wanted, *committed)
        assert copied.split() == [str(number) for number in range(int(count))], copied

    def transactions(self) -> None:
        """What the copier left behind: an ended transaction, and nothing that hangs."""
        listed = run_tool(TRANSACTIONS, *self._at, "list")
        assert "copier" in listed, listed
        described = run_tool(TRANSACTIONS, *self._at, "describe", "--transactional-id", "copier")
        assert "Complete" in described, described
        where = ("--topic", "copied-to", "--partition", "0")
        producers = run_tool(TRANSACTIONS, *self._at, "describe-producers", *where)
        assert "None" in producers, producers
        hanging = run_tool(TRANSACTIONS, *self._at, "find-hanging", "--topic", "copied-to")
        assert len(hanging.splitlines()) == 1, hanging

    def acls(self) -> None:
        """Add, list and remove a rule."""
        rule = ("--allow-principal", "User:ada", "--operation", "Read", "--topic", "secret")
        run_tool(ACLS, *self._at, "--add", *rule)
        assert "User:ada" in run_tool(ACLS, *self._at, "--list")
        run_tool(ACLS, *self._at, "--remove", "--force", *rule)

    def _make(self, topic: str, partitions: int) -> None:
        count = ("--partitions", str(partitions))
        run_tool(TOPICS, *self._at, "--create", "--topic", topic, *count)


CASES: Mapping[str, Callable[[Story], None]] = {
    "TopicCommand": Story.topics,
    "ConfigCommand": Story.configs,
    "VerifiableProducer, VerifiableConsumer": Story.verifiable_clients,
    "ConsoleProducer, ConsoleConsumer": Story.console_clients,
    "ConsumerGroupCommand": Story.groups,
    "DeleteRecordsCommand": Story.delete_records,
    "LogDirsCommand": Story.log_dirs,
    "ProducerPerformance": Story.producer_performance,
    "BrokerApiVersionsCommand": Story.api_versions,
    "TransactionalMessageCopier": Story.transactional_copier,
    "TransactionsCommand": Story.transactions,
    "AclCommand": Story.acls,
}


def judge(trial: Trial) -> list[Verdict]:
    """Run every case that is wanted; one that fails says what the tool said."""
    fetch("kafka")
    story = Story(trial.address, trial.scratch)
    return tried({name: partial(CASES[name], story) for name in trial.chosen(CASES)})


def _row(described: str) -> list[str]:
    """The words of the group's one partition."""
    [row] = [line.split() for line in described.splitlines() if line.startswith("readers")]
    return row
