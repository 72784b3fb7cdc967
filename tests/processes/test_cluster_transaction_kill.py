"""Consume, transform, produce exactly once in a cluster, while every process of it is killed -9."""

import os
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.cluster import Cluster
from tests.support.copying import (
    PARTITIONS,
    SECONDS,
    SOURCE,
    TARGET,
    Copier,
    assert_copied_once,
    committed_numbers,
    fill,
)
from tests.support.waiting import until

# Three rounds are for the release; one kills everybody once.
ROUNDS = int(os.environ.get("TOCSIN_CLUSTER_ROUNDS", "1"))
NODES = (1, 2, 3)
RECORDS_PER_STEP = 100


@pytest.mark.process
@pytest.mark.timeout(600)
def test_every_record_is_copied_exactly_once_while_everybody_is_killed_in_turn(
    tmp_path: Path,
) -> None:
    with Cluster(tmp_path) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap, "log_level": 0})
        until(lambda: len(admin.list_topics(timeout=SECONDS).brokers) == len(NODES), "three nodes")
        topics = [NewTopic(name, PARTITIONS, len(NODES)) for name in (SOURCE, TARGET)]
        for made in admin.create_topics(topics).values():
            made.result(SECONDS)
        until(lambda: is_whole(admin), "every copy in sync")
        copier = Copier(cluster.bootstrap)
        filled = 0

        def copy_some() -> None:
            """Fill in more, and return while that is being copied."""
            nonlocal filled
            before = copier.copied
            fill(cluster.bootstrap, range(filled, filled + RECORDS_PER_STEP))
            filled += RECORDS_PER_STEP
            copier.wait_for(before + RECORDS_PER_STEP // 4)

        try:
            for _ in range(ROUNDS):
                for number in NODES:
                    copy_some()
                    cluster.nodes[number].kill()
                    copy_some()
                    cluster.nodes[number].start()
                    copy_some()
                    until(lambda: is_whole(admin), "every copy in sync")
                cluster.controller.kill()
                cluster.controller.start()
                copy_some()
                until(lambda: is_whole(admin), "every copy in sync")
            numbers = committed_numbers(cluster.bootstrap, filled)
        finally:
            copier.kill()

    assert_copied_once(numbers, filled)


def is_whole(admin: AdminClient) -> bool:
    """Whether every partition that is there has all of its copies in sync."""
    found = [
        len(partition.isrs)
        for topic in admin.list_topics(timeout=SECONDS).topics.values()
        for partition in topic.partitions.values()
    ]
    return bool(found) and set(found) == {len(NODES)}
