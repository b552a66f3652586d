"""Connections of the admin listener: so many at once, each within its deadlines, and none that leaves a traceback."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsanalytics.collector.answer import BUSY, TOO_LARGE, TOO_SLOW, Answer
from smsanalytics.settings import Settings

CONNECTIONS = 100  #: at once; more are answered 503
ANSWER_SECONDS = 60.0  #: within which a request that was read must be answered, and its answer be taken


class BoundedProtocol(HttpToolsProtocol):
    """
    Speaks HTTP with one client of the admin listener.

    Parameters
    ----------
    limits : Settings
        With the deadlines and sizes that the public listener has as well.
    **given
        What uvicorn hands to each of its protocols.
    """

    def __init__(self, limits: Settings, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._reads_head, self._head = True, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a client in, or send it away."""
        super().connection_made(_Transport(transport))  # type: ignore[arg-type]
        self._allow(self._limits.header_seconds)
        if len(self.connections) > CONNECTIONS:
            self._end(BUSY)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of a request is too large."""
        super().data_received(data)
        self._head = self._head + len(data) if self._reads_head else 0
        if self._head > self._limits.max_header_bytes:
            self._end(TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._reads_head = True
        self._allow(self._limits.header_seconds)

    def on_headers_complete(self) -> None:
        """Expect its body."""
        self._reads_head = False
        self._allow(self._limits.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect its answer."""
        self._allow(ANSWER_SECONDS)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Expect another request, unless one came already or the rest of a body is still to come."""
        super().on_response_complete()
        if not self.cycle.more_body and not self._reads_head:
            self._reads_head, self._head = True, 0
            self._allow(self._limits.header_seconds)

    def _allow(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(seconds, self._end, TOO_SLOW)

    def _end(self, why: Answer) -> None:
        """End the connection, with an answer where none was begun."""
        if self.transport.is_closing():
            return
        if why is BUSY or (self._reads_head and self._head):
            self.transport.write(why.encoded(b"", closes=True))
            self.transport.close()
        else:
            self.transport.abort()


class _Transport:
    """A transport that is left alone once it is closing: uvloop makes an error of that, which would be logged."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def pause_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
