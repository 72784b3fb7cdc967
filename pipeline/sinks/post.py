"""One attempt to deliver: sign, POST and say what came of it, whatever the receiver does.

Redirects are not followed: a receiver could point into a network that only we can reach. The
address of a destination itself is an administrator's decision, and any http or https address
is allowed. Little of the answer is read, for the log only.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
import msgspec

from pipeline.schema.alert import Alert
from pipeline.schema.control import WebhookDestination
from pipeline.settings import WebhookSettings
from pipeline.sinks.retrying import read_retry_after
from pipeline.sinks.signature import signed_headers

ANSWER_BYTES = 2_048
ERROR_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of an attempt.

    Attributes:
        status: The HTTP status; 0 without an answer.
        error: What went wrong; empty when the receiver took it (2xx).
        duration: How long it took.
        retry_after: What the receiver asked for, if it did.
        is_final: Whether it never wants to hear of it again (410 Gone).
    """

    status: int
    error: str
    duration: timedelta
    retry_after: timedelta | None = None
    is_final: bool = False


class Post:
    """Sends alerts to destinations; an async context manager.

    Args:
        settings: How long an attempt may take, and where the console is.
    """

    def __init__(self, settings: WebhookSettings) -> None:
        self._timeout = settings.timeout.total_seconds()
        self._console_url = settings.console_url.rstrip("/")
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            timeout=self._timeout,
            headers={"user-agent": "tocsin", "accept-encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def send(
        self, alert: Alert, destination: WebhookDestination, *, is_test: bool = False
    ) -> Answer:
        """Make one attempt."""
        body = self.body(alert, is_test=is_test)
        headers = signed_headers(
            destination.secret,
            message_id=message_id(alert.id, destination.id),
            timestamp=int(time.time()),
            body=body,
        )
        headers["content-type"] = "application/json"
        started = time.monotonic()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream(
                    "POST", destination.url, content=body, headers=headers
                ) as response,
            ):
                return await _answer(response, started)
        except TimeoutError:
            error = f"no answer within {self._timeout:g} seconds"
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"
        return Answer(status=0, error=error[:ERROR_CHARACTERS], duration=_since(started))

    def body(self, alert: Alert, *, is_test: bool = False) -> bytes:
        """The JSON object that is sent: the alert, and where people find it.

        A test is an alert that nothing fired; ``test`` says so, alerts do not have it.
        """
        fields: dict[str, object] = msgspec.structs.asdict(alert)
        if is_test:
            fields["test"] = True
        if self._console_url:
            place = "notifications" if is_test else f"alerts/{alert.id}"
            fields["link"] = f"{self._console_url}/{place}"
        return msgspec.json.encode(fields)


def message_id(alert_id: str, destination: str) -> str:
    """What receivers drop repetitions by: the same for every attempt, also after a restart."""
    return f"{alert_id}.{quote(destination, safe='')}"


async def _answer(response: httpx.Response, started: float) -> Answer:
    if response.is_success:
        return Answer(status=response.status_code, error="", duration=_since(started))
    head = b""
    async for chunk in response.aiter_raw():
        head += chunk
        if len(head) >= ANSWER_BYTES:
            break
    text = head[:ANSWER_BYTES].decode(errors="replace").strip()
    return Answer(
        status=response.status_code,
        error=f"{response.status_code} {response.reason_phrase}: {text}"[:ERROR_CHARACTERS],
        duration=_since(started),
        retry_after=read_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC)),
        is_final=response.status_code == httpx.codes.GONE,
    )


def _since(started: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - started)
