"""The address of a search, its terms, and its histogram."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pipeline.store.queries.events import Bucket, Histogram
from pipeline.store.queries.span import Span
from pipeline.store.search_language import parse
from web.rendering.search import SearchAddress, draw, range_text, shifted

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("value", ["root", "a b", 'say "x"', "C:\\Windows\\", "AND", "", "ä:*()"])
def test_every_value_can_be_searched_for(value: str) -> None:
    for without in (False, True):
        address = SearchAddress(q="a").narrowed("user.name", value, without=without)
        (typed,) = parse_qs(urlsplit(address).query)["q"]
        parse(typed)


def test_no_value_is_searched_for_as_such() -> None:
    assert SearchAddress().narrowed("user.name", "") == "/search?q=NOT+user.name%3A%2A"
    assert SearchAddress().narrowed("user.name", "", without=True) == "/search?q=user.name%3A%2A"


def test_narrowing_a_choice_narrows_the_whole_of_it() -> None:
    address = SearchAddress(q="a OR b", event="x", after="y")

    assert address.narrowed("c", "d") == "/search?q=%28a+OR+b%29+c%3Ad"
    assert address.narrowed("c", "d", without=True) == "/search?q=%28a+OR+b%29+NOT+c%3Ad"
    assert SearchAddress(q="a").narrowed("c", True) == "/search?q=a+c%3Atrue"


def test_an_address_holds_only_what_is_chosen() -> None:
    assert SearchAddress().link() == "/search"
    assert SearchAddress(range="7d", by="source").link(q="x") == "/search?q=x&range=7d&by=source"
    assert (
        SearchAddress(range="7d").between(NOON, NOON + HOUR).startswith("/search?from=2026-03-01")
    )
    assert "range" not in SearchAddress(range="7d").between(NOON, NOON + HOUR)


def test_the_range_beside_this_one_is_as_long() -> None:
    span = Span(NOON, NOON + HOUR)

    assert "from=2026-03-01T13%3A00%3A00Z&to=2026-03-01T14%3A00%3A00Z" in shifted(
        SearchAddress(), span, later=True
    )
    assert "to=2026-03-01T12%3A00%3A00Z" in shifted(SearchAddress(), span, later=False)


def test_a_range_is_called_by_its_name_or_by_its_ends() -> None:
    assert range_text(SearchAddress(range="1h"), Span(NOON, NOON + HOUR), UTC) == "Last hour"
    fixed = SearchAddress(begin="a", end="b")
    assert range_text(fixed, Span(NOON, NOON + HOUR), UTC) == "01 Mar 12:00 – 13:00"
    assert range_text(fixed, Span(NOON, NOON + 24 * HOUR), UTC) == "01 Mar 12:00 – 02 Mar 12:00"


def test_silent_stretches_keep_their_place_and_each_column_leads_to_its_own() -> None:
    buckets = (Bucket(NOON, {"info": 3}), Bucket(NOON + 5 * MINUTE, {"info": 1, "": 2}))

    drawn = draw(SearchAddress(), Histogram(MINUTE, buckets), Span(NOON, NOON + 9 * MINUTE), UTC)

    assert drawn.total == 6
    assert drawn.legend == (("f-1", "info", 4), ("f-2", "none", 2))
    assert len(drawn.columns) == 11
    assert drawn.columns[5][0] == "01 Mar 12:05:00"
    assert "from=2026-03-01T12%3A05%3A00Z&to=2026-03-01T12%3A06%3A00Z" in drawn.columns[5][1]
    assert len(drawn.chart.bars) == 3


def test_beyond_five_parts_the_rest_is_one() -> None:
    counts = {f"level{number}": 10 - number for number in range(8)}

    drawn = draw(
        SearchAddress(), Histogram(MINUTE, (Bucket(NOON, counts),)), Span(NOON, NOON + MINUTE), UTC
    )

    assert drawn.legend[-1] == ("f-rest", "others", 5 + 4 + 3)
    assert len(drawn.legend) == 6
