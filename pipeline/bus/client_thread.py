"""ClientThread: the one thread that may touch a Kafka consumer.

confluent_kafka lets one thread at a time into a consumer and holds all others up for as long
as ``consume`` waits (seen with 2.16.0: a commit takes as long as the poll beside it). So one
thread does everything: it waits for records in short slices and serves calls between them,
also while a rebalance callback waits for the loop.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaException, Message

from pipeline.bus.connection import ClientConfig, translated_exception
from pipeline.errors import BusUnavailable

SLICE_SECONDS = 0.03
T = TypeVar("T")


class _Call(Generic[T]):
    """Something to do in the thread, and where its outcome goes."""

    def __init__(self, work: Callable[[KafkaConsumer], T]) -> None:
        self._work = work
        self.outcome: Future[T] = Future()

    def run(self, client: KafkaConsumer) -> None:
        if not self.outcome.set_running_or_notify_cancel():
            return
        try:
            self.outcome.set_result(self._work(client))
        except BaseException as error:  # noqa: BLE001 # whoever waits shall hear of it
            self.outcome.set_exception(error)


class ClientThread:
    """A Kafka consumer and its thread. Made and awaited on the loop.

    Args:
        config: librdkafka's configuration.
        name: What the thread is called.
    """

    def __init__(self, config: ClientConfig, *, name: str) -> None:
        self._calls: SimpleQueue[_Call[object] | None] = SimpleQueue()
        self._client = KafkaConsumer(config)
        self._loop = asyncio.get_running_loop()
        self._is_open = True
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, work: Callable[[KafkaConsumer], T], doing: str) -> T:
        """Let the thread do this; a wait for records is interrupted for it.

        Raises:
            BusUnavailable, BusRefused: What the client library raised, translated.
        """
        if not self._is_open:
            raise BusUnavailable(f"{doing}: the consumer is closed")
        call = _Call(work)
        self._calls.put(call)  # type: ignore[arg-type]  # the queue does not care what comes out
        try:
            return await asyncio.wrap_future(call.outcome)
        except KafkaException as error:
            raise translated_exception(error, doing) from error

    async def consume(self, max_records: int, timeout_seconds: float, doing: str) -> list[Message]:
        """What has arrived: as soon as there is something, or nothing after the timeout."""

        def consume(client: KafkaConsumer) -> list[Message]:
            deadline = time.monotonic() + timeout_seconds
            while True:
                left = deadline - time.monotonic()
                messages = client.consume(max_records, max(0.0, min(left, SLICE_SECONDS)))
                if messages or left <= SLICE_SECONDS or self._is_ending:
                    return messages
                self._serve_waiting(client)

        return await self.call(consume, doing)

    async def close(self, leave: Callable[[KafkaConsumer], None]) -> None:
        """Do a last thing and close; no call succeeds after this."""
        if not self._is_open:
            return
        with contextlib.suppress(BusUnavailable):
            await self.call(leave, "leave")
        self._is_open = False
        self._calls.put(None)
        await asyncio.to_thread(self._thread.join)

    def on_loop(self, telling: Coroutine[None, None, T]) -> T:
        """From the thread: run on the loop, and serve calls until there is an answer.

        The loop only ever awaits this thread, so neither waits for the other for ever.
        """
        outcome = asyncio.run_coroutine_threadsafe(telling, self._loop)
        while not outcome.done():
            with contextlib.suppress(Empty):
                self._serve(self._client, self._calls.get(timeout=SLICE_SECONDS))
        return outcome.result()

    def _run(self) -> None:
        while not self._is_ending:
            self._serve(self._client, self._calls.get())
        self._client.close()
        self._refuse_waiting()

    def _serve_waiting(self, client: KafkaConsumer) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._serve(client, self._calls.get_nowait())

    def _serve(self, client: KafkaConsumer, call: "_Call[object] | None") -> None:
        if call is not None:
            call.run(client)
        else:
            self._is_ending = True

    def _refuse_waiting(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                call = self._calls.get_nowait()
                if call is not None and call.outcome.set_running_or_notify_cancel():
                    call.outcome.set_exception(BusUnavailable("the consumer is closed"))
