"""A receiver of webhooks that answers as it is told, and checks signatures by itself."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "whsec_" + base64.b64encode(b"a key of twenty-four byt").decode()


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def alert_id(self) -> str:
        """The id of the alert it tells of."""
        return str(json.loads(self.body)["id"])

    @property
    def is_signed(self) -> bool:
        """Whether the signature is right, by the Standard Webhooks specification."""
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        sent = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        text = ".".join(sent).encode() + b"." + self.body
        made = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        is_recent = abs(time.time() - int(sent[1])) < 300
        return is_recent and f"v1,{made}" in self.headers["webhook-signature"].split()


class Receiver:
    """Answers 204, unless ``answers`` holds statuses to give first.

    Attributes:
        calls: What came whole, in order.
        answers: Statuses for the next calls.
        headers: Sent with every answer.
        hold: Cleared, no call is answered until it is set.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[int] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.hold = threading.Event()
        self.hold.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:  # its sender was killed while it spoke
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.calls.append(Call(self.path, headers, body, time.monotonic()))
                status = receiver.answers.pop(0) if receiver.answers else 204
                receiver.hold.wait()
                try:
                    self.send_response(status)
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(receiver.body)))
                    self.end_headers()
                    self.wfile.write(receiver.body)
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver that listens."""
    made = Receiver()
    made.start()
    try:
        yield made
    finally:
        made.stop()
