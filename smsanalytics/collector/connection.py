"""One connection of the public listener: its requests are read within bounds, taken one by one, answered in order."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from smsanalytics.collector import answer
from smsanalytics.collector.accounts import Account, Address, client_of
from smsanalytics.collector.answer import Answer

if TYPE_CHECKING:
    from smsanalytics.collector.door import Door

LARGE = 8 * 2**10  #: a body beyond this is larger than a callback [bytes]
AHEAD = 16 * 2**10  #: what may be sent before earlier requests are answered [bytes]
A_REQUEST = 256  #: what one costs beside its body [bytes]
HEAD_ENDS = b"\r\n\r\n"
LINGER_SECONDS = 2.0  #: how long what a refused request still sends is thrown away, so that it can read its answer


class Stage(Enum):
    """What is expected next."""

    REQUEST = auto()  # or nothing more
    HEAD = auto()  # the rest of it
    BODY = auto()
    NOTHING = auto()  # whatever comes is thrown away


class Request(NamedTuple):
    """One that was read; `to` is the account, or the answer that is clear already."""

    to: Account | Answer
    body: bytes = b""
    forwarded: Sequence[bytes] = ()
    is_head: bool = False
    closes: bool = True


class Head(NamedTuple):
    """What the bytes before a body said, of a request that came in one piece; the same bytes say it again."""

    length: int
    to: Account
    forwarded: Sequence[bytes]
    closes: bool


class Connection(asyncio.Protocol):
    """
    Speaks HTTP/1.1 with one client.

    Parameters
    ----------
    door : Door
        Knows the limits and the paths, and looks at `deadline`.
    """

    def __init__(self, door: Door) -> None:
        self._door, self._limits = door, door.settings
        self._parser = HttpRequestParser(self)
        self._stage = Stage.REQUEST
        self.deadline = time.monotonic() + self._limits.header_seconds
        self._to: Account | Answer = answer.NOT_FOUND
        self._chunk = self._received = self._held = self._queued = 0
        self._queue: deque[Request] = deque()
        self._taken: Request | None = None  # from the queue, and not answered yet
        self._taken_at = 0.0
        self._taking = self._paused = self._blocked = self._client_is_done = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if name else ""
        if refusal := self._door.enter(self, self._peer):
            self._refuse(refusal)
            self._take_turns()

    def connection_lost(self, _: Exception | None) -> None:
        """They are gone, or were sent away."""
        self._stage = Stage.NOTHING
        self._queue.clear()
        self._hold(0)
        self._door.leave(self)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._stage is Stage.REQUEST:
            head, _, body = data.partition(HEAD_ENDS)
            known = self._door.heads.get(head)
            if known is not None and known.length == len(body):
                self._queue_up(Request(known.to, body, known.forwarded, closes=known.closes))
            else:
                self._parse(data)
                if self._queue:
                    self._remember(head, body, self._queue[0])
        elif self._stage is not Stage.NOTHING:
            self._parse(data)
        self._take_turns()

    def _parse(self, data: bytes) -> None:
        self._chunk = len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._refuse(answer.NOT_HTTP)
        self._received += self._chunk
        body = 2 * self._limits.max_body_bytes if self._stage is Stage.BODY else 0  # with what chunks cost
        if self._received > self._limits.max_header_bytes + body and self._stage is not Stage.REQUEST:
            self._refuse(answer.TOO_LARGE)

    def _remember(self, head: bytes, body: bytes, request: Request) -> None:
        """Know a head again if all that came after it was a body; chunks or another request would be longer."""
        if isinstance(request.to, Account) and 0 < len(body) == len(request.body):
            self._door.remember(head, Head(len(body), request.to, request.forwarded, request.closes))

    def eof_received(self) -> bool:
        """They will send no more; what is with the disk is still answered."""
        self._stage, self._client_is_done = Stage.NOTHING, True
        return self._taken is not None

    def pause_writing(self) -> None:
        """They do not read their answers."""
        self._blocked = True
        self.deadline = time.monotonic() + self._limits.body_seconds

    def resume_writing(self) -> None:
        """They read again."""
        self._blocked = False
        self._take_turns()

    # what the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self._stage is not Stage.NOTHING:
            self._stage = Stage.HEAD
            self.deadline = time.monotonic() + self._limits.header_seconds
        self._url, self._head, self._size, self._length = b"", 0, 0, 0
        self._forwarded: list[bytes] = []
        self._expects = False
        self._parts: list[bytes] = []

    def on_url(self, part: bytes) -> None:
        """Add to its target."""
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header; what comes after a body in chunks is none, for a proxy lets it pass as it came."""
        if self._stage is not Stage.HEAD:
            return
        self._head += len(name) + len(value) + 4
        name = name.lower()
        if name == b"content-length":
            self._length = int(value) if len(value) < 16 else 10**15
        elif name == b"x-forwarded-for":
            self._forwarded.append(value)
        elif name == b"expect":
            self._expects = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        """Tell who it is for, and whether it is worth reading on."""
        if self._stage is Stage.NOTHING:
            return
        self._stage = Stage.BODY
        self.deadline = time.monotonic() + self._limits.body_seconds
        path, method = self._url.partition(b"?")[0], self._parser.get_method()
        if path == b"/healthz":
            self._to = answer.ALIVE if method in (b"GET", b"HEAD") else answer.NOT_GET
        else:
            account = self._door.routes.get(path, answer.NOT_FOUND)
            self._to = answer.NOT_POST if isinstance(account, Account) and method != b"POST" else account
        if self._head + len(self._url) > self._limits.max_header_bytes or self._length > self._limits.max_body_bytes:
            self._refuse(answer.TOO_LARGE)
        elif self._expects and self._taken is None and not self._queue:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        """Add to its body."""
        if self._stage is Stage.NOTHING:
            return
        self._size += len(part)
        if self._size > self._limits.max_body_bytes:
            self._refuse(answer.TOO_LARGE)
        elif self._size > LARGE and not self._hold(self._size):
            self._refuse(answer.BUSY)
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Put it into the queue."""
        if self._stage is Stage.NOTHING:
            return
        self._received = -self._chunk  # what follows in the same bytes belongs to the next
        self._stage = Stage.REQUEST
        is_head = self._parser.get_method() == b"HEAD"
        closes = not self._parser.should_keep_alive()
        self._queue_up(Request(self._to, b"".join(self._parts), self._forwarded, is_head, closes))
        self._parts = []

    def _queue_up(self, request: Request) -> None:
        self.deadline = time.monotonic() + self._limits.idle_seconds
        self._queue.append(request)
        self._queued += len(request.body) + A_REQUEST
        if self._queued > AHEAD and len(self._queue) > 1:
            self._refuse(answer.BUSY)

    # what the door calls

    def overdue(self) -> None:
        """End it, for `deadline` has passed."""
        if self._stage is Stage.NOTHING or self._blocked or self._transport.is_closing():
            self._transport.abort()
        elif self._stage is not Stage.REQUEST:
            self._refuse(answer.TOO_SLOW)
            self._take_turns()
        elif self._taken is None:
            self._transport.close()

    def stop(self) -> None:
        """Take nothing more, for the collector stops; what is with the disk is still answered."""
        if self._stage in (Stage.HEAD, Stage.BODY):
            self._refuse(answer.STOPPING)
            self._take_turns()
        elif self._taken is None and self._stage is Stage.REQUEST:
            self._transport.close()

    def take(self) -> None:
        """Hand on the body whose turn it is."""
        request = self._taken
        if request is not None and isinstance(request.to, Account):
            self._door.callbacks.take(request.to, request.body, self._client, self._reply)

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    def _refuse(self, why: Answer) -> None:
        """Answer what was not read to its end when its turn comes, and read no more."""
        if self._stage is not Stage.NOTHING:
            self._stage = Stage.NOTHING
            self.deadline = time.monotonic() + self._limits.body_seconds
            self._parts = []
            self._queue.append(Request(why))

    def _take_turns(self) -> None:
        """Take what was read, one after the other."""
        self._taking = True
        while self._queue and self._taken is None and not self._blocked and not self._transport.is_closing():
            self._taken = request = self._queue.popleft()
            self._taken_at = time.perf_counter()
            if isinstance(request.to, Answer):
                self._reply(request.to)
            elif self._door.closing:
                self._reply(answer.STOPPING)
            else:
                self._door.take(self)
        self._taking = False
        if not self._queue and self._stage is Stage.REQUEST:
            self._queued = 0
            if self._held:
                self._hold(0)
        if self._paused != bool(self._queue) and not self._transport.is_closing():
            self._paused = bool(self._queue)
            (self._transport.pause_reading if self._paused else self._transport.resume_reading)()

    def _reply(self, said: Answer) -> None:
        """Answer the request that was taken."""
        request, self._taken = self._taken, None
        if request is None or self._transport.is_closing():
            return
        closes = request.closes or said.closes or self._door.closing or (self._client_is_done and not self._queue)
        self._transport.write(said.encoded(self._door.date, closes=closes, head=request.is_head))
        self._door.monitor.answered(said.status)
        if isinstance(request.to, Account):
            self._door.monitor.request.observe(time.perf_counter() - self._taken_at)
        if closes:
            self._queue.clear()
            self._end()
        elif self._queue and not self._taking:
            self._take_turns()

    def _end(self) -> None:
        if self._stage is not Stage.NOTHING or self._client_is_done:
            self._transport.close()
        else:
            self._transport.write_eof()
            self.deadline = time.monotonic() + LINGER_SECONDS

    def _client(self) -> Address | None:
        forwarded = self._taken.forwarded if self._taken else ()
        return client_of(self._peer, forwarded, self._limits.trusted_proxies)

    def _hold(self, size: int) -> bool:
        if not self._door.hold(size - self._held):
            return False
        self._held = size
        return True
