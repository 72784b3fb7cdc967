"""Apache Kafka's own command line tools, as ``bin/kafka-*.sh`` of its distribution start them."""

import subprocess

from tests.support.maven import class_path

TOOLS = "org.apache.kafka.tools"
ACLS = f"{TOOLS}.AclCommand"
TOPICS = f"{TOOLS}.TopicCommand"
GROUPS = f"{TOOLS}.consumer.group.ConsumerGroupCommand"
CONFIGS = "kafka.admin.ConfigCommand"
LEADER_ELECTION = f"{TOOLS}.LeaderElectionCommand"
REASSIGN = f"{TOOLS}.reassign.ReassignPartitionsCommand"
LOG_DIRS = f"{TOOLS}.LogDirsCommand"
CONSOLE_PRODUCER = f"{TOOLS}.ConsoleProducer"
CONSOLE_CONSUMER = f"{TOOLS}.consumer.ConsoleConsumer"
TRANSACTIONS = f"{TOOLS}.TransactionsCommand"
OFFSETS = f"{TOOLS}.GetOffsetShell"
VERIFIABLE_PRODUCER = f"{TOOLS}.VerifiableProducer"
VERIFIABLE_CONSUMER = f"{TOOLS}.VerifiableConsumer"
TOOL_SECONDS = 90


def java(main_class: str, *arguments: str, peers: tuple[str, ...] = ("kafka",)) -> list[str]:
    """The command that runs a Java program of a peer; quick to start, quiet unless it warns."""
    options = ["-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return ["java", *options, "-cp", class_path(*peers), main_class, *arguments]


def run_tool(main_class: str, *arguments: str, seconds: float = TOOL_SECONDS) -> str:
    """What a tool prints; it must end with status 0."""
    finished = subprocess.run(
        java(main_class, *arguments), capture_output=True, text=True, timeout=seconds, check=False
    )
    assert finished.returncode == 0, f"{finished.stdout}\n{finished.stderr}"
    return finished.stdout
