import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from pipeline.schema.control import WebhookDestination
from pipeline.settings import WebhookSettings
from pipeline.sinks.post import ANSWER_BYTES, Answer, Post, message_id
from tests.support.receiver import SECRET, Receiver, receiver
from tests.support.records import alert

SETTINGS = WebhookSettings(timeout=timedelta(seconds=60), console_url="https://console.example/")


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


async def send(url: str, settings: WebhookSettings = SETTINGS) -> Answer:
    destination = WebhookDestination(id="soc team", revision=1, url=url, secret=SECRET)
    async with Post(settings) as post:
        return await post.send(alert(7), destination)


async def test_the_alert_arrives_signed_with_a_link_to_the_console(there: Receiver) -> None:
    answer = await send(f"{there.url}/hook")

    [call] = there.calls
    body = json.loads(call.body)
    assert (answer.status, answer.error) == (204, "")
    assert call.path == "/hook"
    assert call.is_signed
    assert call.headers["webhook-id"] == f"{alert(7).id}.soc%20team"
    assert call.headers["content-type"] == "application/json"
    assert body["id"] == alert(7).id
    assert body["rule_title"] == "Test Rule"
    assert body["link"] == f"https://console.example/alerts/{alert(7).id}"


async def test_every_attempt_has_the_same_id(there: Receiver) -> None:
    await send(there.url)
    await send(there.url)

    assert len({call.headers["webhook-id"] for call in there.calls}) == 1
    assert message_id("a", "one") != message_id("a", "two")


async def test_an_error_is_told_with_the_head_of_what_was_answered(there: Receiver) -> None:
    there.answers, there.body = [503], b"busy " * ANSWER_BYTES
    there.headers = {"retry-after": "17"}

    answer = await send(there.url)

    assert answer.status == 503
    assert answer.error.startswith("503 Service Unavailable: busy busy")
    assert len(answer.error) <= 500
    assert answer.retry_after == timedelta(seconds=17)
    assert not answer.is_final


async def test_a_redirect_is_not_followed(there: Receiver) -> None:
    there.answers, there.headers = [302], {"location": f"{there.url}/inside"}

    answer = await send(there.url)

    assert answer.status == 302
    assert answer.error
    assert len(there.calls) == 1


async def test_gone_is_final(there: Receiver) -> None:
    there.answers = [410]

    assert (await send(there.url)).is_final


async def test_a_receiver_that_does_not_answer_costs_the_timeout_only(there: Receiver) -> None:
    there.hold.clear()
    impatient = SETTINGS.model_copy(update={"timeout": timedelta(milliseconds=500)})

    answer = await send(there.url, impatient)

    assert answer.status == 0
    assert "0.5 seconds" in answer.error


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "ftp://example/", "http://", "not a url", "http://[::1"]
)
async def test_an_address_nobody_answers_at_is_an_error_and_no_exception(url: str) -> None:
    answer = await send(url)

    assert answer.status == 0
    assert answer.error
