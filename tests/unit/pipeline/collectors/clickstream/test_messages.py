"""What a browser's message says, and what it may not say."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.collectors.clickstream.messages import (
    MAX_PROPERTIES,
    MAX_TEXT_CHARACTERS,
    ClickRejected,
    click_fields,
    click_time,
    pixel_fields,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_segment_message_becomes_fields() -> None:
    message = {
        "type": "track",
        "event": "Order Completed",
        "anonymousId": "a1",
        "userId": 42,
        "properties": {"total": 9.5, "items": [{"sku": "x"}, {"sku": "y"}], "target": "a#buy Buy"},
        "context": {
            "sessionId": "s1",
            "page": {
                "url": "https://shop.example/",
                "title": "Shop",
                "referrer": "https://a.example",
            },
        },
    }

    assert click_fields(message, site="shop") == {
        "click.site": "shop",
        "click.event": "Order Completed",
        "click.visitor": "a1",
        "click.session": "s1",
        "click.target": "a#buy Buy",
        "click.title": "Shop",
        "click.properties.total": 9.5,
        "click.properties.items.sku": ["x", "y"],
        "user.name": "42",
        "url.full": "https://shop.example/",
        "http.request.referrer": "https://a.example",
    }


@pytest.mark.parametrize(("kind", "event"), [("page", "page"), ("identify", "identify")])
def test_other_types_are_events_of_their_own_name(kind: str, event: str) -> None:
    assert click_fields({"type": kind}, site="x")["click.event"] == event


@pytest.mark.parametrize(
    "message", [None, 1, "x", [], {}, {"type": "track"}, {"type": "track", "event": 1}, {"type": 5}]
)
def test_what_tells_no_click_is_rejected(message: object) -> None:
    with pytest.raises(ClickRejected):
        click_fields(message, site="x")


def test_a_stranger_cannot_make_texts_long_or_properties_many() -> None:
    properties = {"title": "t" * 5_000, **{f"p{number}": number for number in range(500)}}

    fields = click_fields({"type": "page", "properties": properties, "context": 5}, site="x")

    assert len(str(fields["click.title"])) == MAX_TEXT_CHARACTERS
    assert sum(name.startswith("click.properties.") for name in fields) == MAX_PROPERTIES


def test_a_wrong_clock_is_corrected_by_when_it_sent() -> None:
    message = {"timestamp": "2001-01-01T00:00:00Z"}

    assert click_time(message, "2001-01-01T00:00:05Z", NOON) == NOON - timedelta(seconds=5)


@pytest.mark.parametrize(
    ("message", "sent_at", "expected"),
    [
        ({"timestamp": "2026-03-01T11:59:00+00:00"}, None, NOON - timedelta(minutes=1)),
        ({"timestamp": "2026-03-01T11:59:00"}, None, NOON - timedelta(minutes=1)),
        ({"timestamp": "2026-03-01T12:00:00Z"}, "2026-03-01T11:00:00Z", NOON),
        ({"timestamp": "2026-03-01T11:00:00Z", "sentAt": "2026-03-01T11:00:01Z"}, "x", "1s"),
        ({"timestamp": "yesterday"}, None, None),
        ({"timestamp": 5}, None, None),
        ({}, None, None),
        ([], None, None),
    ],
)
def test_times_are_read_as_far_as_they_can_be(
    message: object, sent_at: object, expected: datetime | str | None
) -> None:
    if expected == "1s":
        expected = NOON - timedelta(seconds=1)

    assert click_time(message, sent_at, NOON) == expected


def test_the_pixel_tells_a_page_view_in_short_names() -> None:
    fields = pixel_fields({"u": "https://a.example/", "v": "v1", "k": "x", "zz": "?"}, site="x")

    assert fields == {
        "click.site": "x",
        "click.event": "page",
        "url.full": "https://a.example/",
        "click.visitor": "v1",
    }
