"""The table of APIs."""

from pathlib import Path

import pytest

from broker_core.protocol.api_keys import API_VERSIONS, APIS, PRODUCE, reference_page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "kafka-apis.md"


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text() == reference_page(), "run ./tocsin docs"


def test_keys_are_unique_and_in_order() -> None:
    assert list(APIS) == sorted(APIS)
    assert all(APIS[key].key == key for key in APIS)


@pytest.mark.parametrize(("version", "supported"), [(2, False), (3, True), (11, True), (12, False)])
def test_produce_begins_with_record_batches(version: int, supported: bool) -> None:
    assert PRODUCE.supports(version) is supported


def test_flexible_versions_begin_where_kafka_says() -> None:
    assert not API_VERSIONS.is_flexible(2)
    assert API_VERSIONS.is_flexible(3)
