"""Consume, transform, produce exactly once, while broker and client are killed -9."""

import os
import random
import time
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

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
from tests.support.standalone_broker import StandaloneBroker

# Thirty kills are for the release; four are enough to notice.
KILLS = int(os.environ.get("TOCSIN_TRANSACTION_KILLS", "4"))
RECORDS_PER_KILL = 200
RECORDS = RECORDS_PER_KILL * KILLS


@pytest.mark.process
@pytest.mark.timeout(120 + 60 * KILLS)
def test_every_record_is_copied_exactly_once_over_kills_of_broker_and_client(
    tmp_path: Path,
) -> None:
    chance = random.Random(7)
    with StandaloneBroker(tmp_path) as broker:
        admin = AdminClient({"bootstrap.servers": broker.address})
        topics = [NewTopic(name, PARTITIONS, 1) for name in (SOURCE, TARGET)]
        for made in admin.create_topics(topics).values():
            made.result(SECONDS)
        copier = Copier(broker.address)
        try:
            for number in range(KILLS):
                first = number * RECORDS_PER_KILL
                fill(broker.address, range(first, first + RECORDS_PER_KILL))
                copier.wait_for_more(chance.randint(1, 60))
                time.sleep(chance.random() / 50)  # anywhere between two commits
                if number % 2:
                    copier.kill_and_start()
                else:
                    broker.kill()
                    broker.start()
            numbers = committed_numbers(broker.address, RECORDS)
        finally:
            copier.kill()

    assert_copied_once(numbers, RECORDS)
