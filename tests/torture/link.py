"""A lean client: keep-alive connections that are told what to send next by whoever hears their answers."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


def post(body: bytes, path: str = "/callback") -> bytes:
    """A whole request."""
    return b"POST %s HTTP/1.1\r\nHost: torture\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


class Link(asyncio.Protocol):
    """
    One connection; answers come back in the order of the requests. After one that says so it is `closing`.

    Parameters
    ----------
    answered : callable
        Gets this link, what `send` was given as `token`, and the status.
    lost : callable
        Gets this link when the connection has ended; what is in `waiting` was not answered.
    """

    def __init__(
        self, answered: Callable[[Link, object, int], None], lost: Callable[[Link], None] = lambda _: None
    ) -> None:
        self.waiting: deque[object] = deque()
        self.transport: asyncio.Transport | None = None
        self.closing = False
        self._answered, self._lost = answered, lost
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, request: bytes, token: object) -> None:
        self.waiting.append(token)
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        heard = self._heard + data if self._heard else data
        start = 0
        while (end := heard.find(b"\r\n\r\n", start)) >= 0:
            length = LENGTH.search(heard, start, end)
            after = end + 4 + int(length[1])
            if after > len(heard):
                break
            status = int(heard[start + 9 : start + 12])
            self.closing = CLOSE.search(heard, start, end) is not None
            start = after
            self._answered(self, self.waiting.popleft(), status)
        self._heard = heard[start:]

    def connection_lost(self, _: Exception | None) -> None:
        self.transport = None
        self._lost(self)
