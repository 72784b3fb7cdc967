"""The bars of a site's visits: silent stretches keep their place."""

from datetime import UTC, datetime, timedelta

from pipeline.store.queries.clicks import Visits
from pipeline.store.queries.span import Span
from web.rendering.clicks import ClicksAddress, bars, stretches

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = timedelta(minutes=30)


def test_every_stretch_of_the_range_is_there_in_order() -> None:
    found = [Visits(NOON + STEP, views=5, visitors=2)]

    made = stretches(found, Span(NOON, NOON + 3 * STEP), STEP)

    assert [(one.begin, one.views, one.visitors) for one in made] == [
        (NOON, 0, 0),
        (NOON + STEP, 5, 2),
        (NOON + 2 * STEP, 0, 0),
        (NOON + 3 * STEP, 0, 0),
    ]


def test_a_bar_is_a_visitor_s_first_view_and_the_further_ones_above_it() -> None:
    chart = bars(stretches([Visits(NOON, 10, 4)], Span(NOON, NOON + STEP), STEP), STEP, UTC)

    first, further = chart.bars
    assert (first.style, further.style) == ("f-1", "f-rest")
    assert first.y > further.y
    assert further.height > first.height


def test_long_ranges_are_labelled_by_their_days() -> None:
    day = timedelta(days=1)

    chart = bars(stretches([], Span(NOON, NOON + 30 * day), day), day, UTC)

    assert chart.labels[0].text == "01 Mar"
    assert not chart.bars


def test_an_address_holds_only_what_is_chosen() -> None:
    assert ClicksAddress().link() == "/clicks"
    assert ClicksAddress(site="a b").link(range="7d") == "/clicks?site=a+b&range=7d"
    assert ClicksAddress(site="a", range="7d").link(range="24h") == "/clicks?site=a"
