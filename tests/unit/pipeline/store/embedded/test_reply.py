from collections.abc import MutableMapping
from typing import Any

from pipeline.store.embedded.errors import Busy, EngineError, Refused
from pipeline.store.embedded.reply import Reply


class Sent:
    """What a client would see."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.parts = 0

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        else:
            self.body += message["body"]
            self.parts += 1
            self.ended = not message.get("more_body", False)


def reply(sent: Sent) -> Reply:
    found = Reply(sent, "26.9", "UTC")
    found.query_id, found.format = "q", "Native"
    return found


async def test_a_result_is_sent_as_it_comes() -> None:
    sent = Sent()
    found = reply(sent)

    found.begin(hold=False)
    await found.chunk(b"a")
    await found.chunk(b"b")
    await found.end(read_rows=2)

    assert (sent.status, sent.body, sent.parts, sent.ended) == (200, b"ab", 3, True)
    assert sent.headers["x-clickhouse-format"] == "Native"
    assert sent.headers["x-clickhouse-query-id"] == "q"


async def test_a_held_result_says_its_length_and_turns_into_an_error_cleanly() -> None:
    whole, failed = Sent(), Sent()
    for sent in (whole, failed):
        found = reply(sent)
        found.begin(hold=True)
        await found.chunk(b"a")
        if sent is whole:
            await found.end(read_rows=1)
        else:
            await found.fail(EngineError(395, "Code: 395. It threw."))

    assert (whole.status, whole.headers["content-length"], whole.body) == (200, "1", b"a")
    assert failed.status == 500
    assert failed.headers["x-clickhouse-exception-code"] == "395"
    assert failed.body == b"Code: 395. It threw. (version 26.9 (Tocsin))\n"


async def test_a_held_result_that_grows_too_large_is_let_go() -> None:
    sent = Sent()
    found = reply(sent)
    chunk = bytes(9 << 20)

    found.begin(hold=True)
    await found.chunk(chunk)
    assert sent.status == 0
    await found.chunk(chunk)

    assert sent.status == 200
    assert len(sent.body) == 18 << 20


async def test_an_error_in_mid_result_is_a_marked_block() -> None:
    sent = Sent()
    found = reply(sent)

    found.begin(hold=False)
    await found.chunk(b"rows")
    await found.fail(EngineError(241, "Code: 241. Too much."))

    tag = sent.headers["x-clickhouse-exception-tag"].encode()
    text = b"Code: 241. Too much. (version 26.9 (Tocsin))\n"
    block = b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag, text, len(text), tag)
    assert sent.body == b"rows" + block
    assert sent.ended


async def test_busy_says_when_to_come_again_and_401_how_to_sign_in() -> None:
    busy, nobody = Sent(), Sent()

    await reply(busy).fail(Busy("full."))
    await reply(nobody).fail(Refused(194, "Authentication required."))

    assert (busy.status, busy.headers["retry-after"]) == (503, "1")
    assert nobody.status == 401
    assert nobody.headers["www-authenticate"].startswith("Basic ")
