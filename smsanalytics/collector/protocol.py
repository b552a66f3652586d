"""The connections of a listener: how many there may be, of whom, and until when each must have sent what it wants."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from enum import Enum, auto
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from smsanalytics.collector.monitor import Monitor
from smsanalytics.collector.responses import BUSY, NOT_HTTP, STOPPING, TOO_LARGE, TOO_MANY, TOO_SLOW, Answer
from smsanalytics.collector.sender import address_of, is_among, network_of
from smsanalytics.settings import Settings

AHEAD = 32  #: requests that may be sent before the first of them is answered
SENT_AWAY = 200  #: connections at once that get an answer though they may not come in
LAST_CALLS_SECONDS = 0.5  #: within which who was let in before a stop may still send a request, and is served
DRAIN_SECONDS = 10.0  #: how long requests under way may take after that
LINGER_SECONDS = 2.0  #: how long what a refused request still sends is thrown away, so that it can read its answer
SLACK_SECONDS = 1.0  #: more for a body than the application gives it, which answers
SWEEP_SECONDS = 0.25

log = logging.getLogger("smsanalytics.collector")


class Connections:
    """
    All connections of a listener.

    Parameters
    ----------
    settings : Settings
        With the limits.
    most, of_an_address : int
        How many there may be; those of a trusted proxy count for the former only.
    body_bytes : int
        The largest body that the application behind it takes.
    idle_seconds : float
        How long a connection without a request is kept.
    monitor : Monitor, optional
        Counts them, and what is answered here.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        most: int,
        of_an_address: int,
        body_bytes: int,
        idle_seconds: float,
        monitor: Monitor | None = None,
    ) -> None:
        self.settings, self.idle_seconds, self.monitor = settings, idle_seconds, monitor
        self.most_bytes = settings.max_header_bytes + 2 * body_bytes  # with what chunks cost
        self._most, self._of_an_address = most, of_an_address
        self._open: dict[LimitedProtocol, str] = {}
        self._of_network: Counter[str] = Counter()
        self._sent_away: set[LimitedProtocol] = set()
        self._stops_at = self._ends_at = float("inf")
        self.stopping = False

    def enter(self, connection: LimitedProtocol, peer: str) -> Answer | None:
        """Let a connection in, or say why not."""
        network = "" if self._is_trusted(peer) else network_of(peer)
        full = len(self._open) >= self._most
        if full or (network and self._of_network[network] >= self._of_an_address):
            self._sent_away.add(connection)
            if len(self._sent_away) > SENT_AWAY:
                connection.transport.abort()
            return BUSY if full else TOO_MANY
        self._open[connection] = network
        self._of_network[network] += 1
        self._count()
        return None

    def leave(self, connection: LimitedProtocol) -> None:
        """Forget a connection that is gone."""
        self._sent_away.discard(connection)
        if (network := self._open.pop(connection, None)) is not None:
            self._of_network[network] -= 1
            if not self._of_network[network]:
                del self._of_network[network]
            self._count()

    def stop(self) -> None:
        """Let requests come for a moment more, then only answer what is under way."""
        self.stopping = True
        self._stops_at = time.monotonic() + LAST_CALLS_SECONDS
        self._ends_at = self._stops_at + DRAIN_SECONDS

    async def sweep(self) -> None:
        """End what is overdue, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for connection in (*self._open, *self._sent_away):
                try:
                    self._judge(connection, now)
                except Exception as fault:  # of ours: the others have deadlines all the same
                    log.error("a connection is cut, for it could not be ended: %s", type(fault).__name__)
                    connection.transport.abort()

    def _judge(self, connection: LimitedProtocol, now: float) -> None:
        if now > self._ends_at:
            connection.transport.abort()
        elif connection.deadline < now:
            connection.overdue()
        elif now > self._stops_at:
            connection.stop()

    def _count(self) -> None:
        if self.monitor:
            self.monitor.connections.set(len(self._open))

    def _is_trusted(self, peer: str) -> bool:
        address = address_of(peer)
        return address is not None and is_among(address, self.settings.trusted_proxies)


class Stage(Enum):
    """What is expected next."""

    REQUEST = auto()  # or nothing more
    HEAD = auto()  # the rest of it
    BODY = auto()
    NOTHING = auto()  # whatever comes is thrown away


class LimitedProtocol(HttpToolsProtocol):
    """Speaks HTTP/1.1 with one client, who is `overdue` when his `deadline` has passed. [s, of the monotonic clock]"""

    transport: _Transport  # type: ignore[assignment]

    def __init__(self, connections: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._connections, self._limits = connections, connections.settings
        self.stage = Stage.REQUEST
        self.deadline = time.monotonic() + self._limits.header_seconds
        self._bytes = self._latest = self._unanswered = 0
        self._refusal: Answer | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Let a client in, or send it away."""
        super().connection_made(_Transport(transport, self))  # type: ignore[arg-type]
        if refusal := self._connections.enter(self, self.client[0] if self.client else ""):
            self._refuse(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._connections.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self.stage is Stage.NOTHING:
            return
        self._latest = len(data)  # of which a part may belong to the request before
        self._bytes += self._latest
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
        except HttpParserError:
            self._refuse(NOT_HTTP)
        head = self.stage is Stage.HEAD
        if self._bytes > (self._limits.max_header_bytes if head else self._connections.most_bytes):
            self._refuse(TOO_LARGE)

    def _decline(self, rest: bytes) -> None:
        """Read a request as if it had offered no other protocol: the parser takes what follows its head for that."""
        if self.parser.get_method() == b"CONNECT":
            return self._refuse(NOT_HTTP)
        head = b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [b"\r\n%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        return self.data_received(b"".join([head, *headers, b"\r\n\r\n", rest]))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what came: the client sends no more."""
        if self.stage in (Stage.HEAD, Stage.BODY):
            self._refuse(NOT_HTTP)
        elif self.stage is Stage.REQUEST and self._unanswered:
            self.cycle.keep_alive = False
        return self._unanswered > 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self.stage is Stage.REQUEST:
            self.stage = Stage.HEAD
            self.deadline = time.monotonic() + self._limits.header_seconds

    def on_headers_complete(self) -> None:
        """Hand a request on."""
        if self.parser.should_upgrade():
            return
        most = self._limits.max_header_bytes
        read = self._bytes + self._latest
        if read > most < len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers]):
            self._refuse(TOO_LARGE)
        elif len(self.pipeline) >= AHEAD:
            self._refuse(BUSY)
        if self.stage is not Stage.HEAD:
            raise HttpParserError  # and parse no more
        super().on_headers_complete()  # which refuses a target that is no path
        self.stage = Stage.BODY
        self.deadline = time.monotonic() + self._limits.body_seconds + SLACK_SECONDS
        self._unanswered += 1
        self.headers = []  # for what comes behind chunks: it is none of the headers

    def on_message_complete(self) -> None:
        """Expect another request."""
        if self.stage is Stage.BODY:
            self.stage, self._bytes = Stage.REQUEST, 0
            self.deadline = time.monotonic() + self._connections.idle_seconds
            self.cycle.keep_alive = self.parser.should_keep_alive() and not self._connections.stopping
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request."""
        self._unanswered -= 1
        self.transport.flush()
        if self.stage is Stage.REQUEST:
            self.deadline = time.monotonic() + self._connections.idle_seconds
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            self._finish()

    def shutdown(self) -> None:
        """Wait to be stopped with all others."""

    def overdue(self) -> None:
        """End it, for `deadline` has passed."""
        waits = self._unanswered > (self.stage is Stage.BODY)  # for the disk, or the application
        if self.flow.write_paused or self.transport.is_closing() or (self.stage is Stage.NOTHING and not waits):
            self.transport.abort()
        elif not waits and self.stage is Stage.REQUEST:
            self.transport.close()
        elif not waits:
            self._refuse(TOO_SLOW)

    def stop(self) -> None:
        """Take nothing more; what is with the disk is still answered."""
        if self.stage in (Stage.HEAD, Stage.BODY):
            self._refuse(STOPPING)
        elif not self._unanswered:
            self.transport.close()
        elif not self._refusal:  # which is the last answer
            self.cycle.keep_alive = False

    def _refuse(self, why: Answer) -> None:
        """Answer the request that is being read in its turn, and read no more."""
        if self.stage is Stage.BODY:
            if self.cycle.response_started:
                return self.transport.close()  # one answer is enough
            self._unanswered -= 1
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
            else:  # the application waits for the rest of its body
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        if self.stage is not Stage.NOTHING:
            self.stage, self._refusal = Stage.NOTHING, why
            self.deadline = time.monotonic() + self._limits.body_seconds
            self._finish()
        return None

    def _finish(self) -> None:
        """Give the last answer, once all before it are given."""
        if self._refusal and not self._unanswered and not self.transport.is_closing():
            self.transport.write(self._refusal.encoded(self.server_state.default_headers))
            self.transport.close()
            if self._connections.monitor:
                self._connections.monitor.answered(self._refusal.status)


class _Transport:
    """
    A transport that is left alone once it is closing, and closes when the client can have read its answer.

    The head of an answer is sent with its body, as ASGI asks for: uvicorn writes them apart.
    """

    def __init__(self, transport: asyncio.Transport, protocol: LimitedProtocol) -> None:
        self._transport, self._protocol = transport, protocol
        self._head = b""
        self._closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._closing or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if not self._head and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
        elif not self.is_closing():
            self._transport.write(self._head + data)
            self._head = b""

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        if not self.is_closing():
            self.flush()
            self._closing = True
            if self._protocol.stage is not Stage.REQUEST:  # the client may still be sending: that is thrown away
                self._protocol.stage, self._protocol.deadline = Stage.NOTHING, time.monotonic() + LINGER_SECONDS
                self._transport.write_eof()
                self._transport.resume_reading()
            else:
                self._transport.close()

    def pause_reading(self) -> None:
        if not self.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_closing():
            self._transport.resume_reading()
