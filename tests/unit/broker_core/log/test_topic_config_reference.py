"""Every topic setting is explained."""

from broker_core.log.topic_config import describe_log_config, read_log_config
from broker_core.log.topic_config_reference import MEANINGS, reference_page
from broker_core.settings import LogSettings


def test_every_setting_has_its_meaning_and_none_has_another() -> None:
    assert set(MEANINGS) == set(describe_log_config(read_log_config({}, LogSettings())))


def test_the_page_has_a_row_for_each() -> None:
    rows = [line for line in reference_page().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == sorted(MEANINGS)
