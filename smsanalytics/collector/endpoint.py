"""The hot path: a callback is read, verified, put into the journal, and answered when it is durable; in this order."""

from __future__ import annotations

import asyncio
import base64
import logging
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from smsanalytics.collector.accounts import Account, Address, client_of, is_among, path_of, routes_of
from smsanalytics.collector.answer import (
    BUSY,
    NOT_ALLOWED,
    NOT_AUTHENTIC,
    NOT_POST,
    NOT_STORED,
    STORED,
    TOO_LARGE,
    TOO_SLOW,
    UNREADABLE,
    Answer,
)
from smsanalytics.collector.collector import Collector
from smsanalytics.errors import BadSignature, CallbackRefused, JournalError, StoreError
from smsanalytics.store.journal import OF_A_LINE, entry, in_batch
from smsanalytics.wire import callback
from smsanalytics.wire.callback import Callback

LARGE = 8 * 2**10  #: a body beyond this is larger than a callback [bytes]
LARGE_BODIES = 4 * 2**20  #: what all such bodies may hold while they arrive [bytes]
QUIET_SECONDS = 60.0  #: between two lines of the log that say the same

log = logging.getLogger("smsanalytics.collector")


class CallbackEndpoint:
    """
    Answers callbacks; whatever else is asked goes on to the application behind it.

    It stands in front of routing and of Starlette's forms: what the provider hashed are the bytes that came.

    Parameters
    ----------
    app : ASGI application
        Behind it; what it gets has a path without the spellings that clients and proxies make of it.
    collector : Collector
        Where events and refused callbacks go.
    """

    def __init__(self, app: ASGIApp, collector: Collector) -> None:
        self._app, self._collector, self._monitor = app, collector, collector.monitor
        self._settings = collector.settings
        self._routes = routes_of(self._settings)
        self._large = 0
        self._logged: dict[str, tuple[float, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path = path_of(scope)
        account = self._routes.get(path)
        if account is None:
            return await self._app({**scope, "path": scope.get("root_path", "") + path}, receive, send)
        answer = await self._answer(account, scope, receive) if scope["method"] == "POST" else NOT_POST
        if answer is not None:
            self._monitor.answered(answer.status)
            await answer(scope, receive, send)
        return None

    async def _answer(self, account: Account, scope: Scope, receive: Receive) -> Answer | None:
        """Read a callback and say what becomes of it; None where nobody waits for an answer any more."""
        body = await self._read_in_time(scope, receive)
        if not isinstance(body, bytes):
            return body
        started = time.perf_counter()
        try:
            self._collector.ensure_open()
            return await self._take(account, body, scope)
        except StoreError as failure:  # no journal could be opened, or the event was not stored
            self._complain(f"answered 503: {failure}")
            return NOT_STORED
        finally:
            self._monitor.request.observe(time.perf_counter() - started)

    async def _read_in_time(self, scope: Scope, receive: Receive) -> bytes | Answer | None:
        """Read the body before its deadline, as ``asyncio.timeout`` would, which takes five times as long."""
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]
        timer = asyncio.get_running_loop().call_later(self._settings.body_seconds, task.cancel, TOO_SLOW)
        try:
            return await self._read(scope, receive)
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (TOO_SLOW,):
                raise
            task.uncancel()
            return TOO_SLOW
        finally:
            timer.cancel()

    async def _read(self, scope: Scope, receive: Receive) -> bytes | Answer | None:
        """Read the body, within its limits."""
        most = self._settings.max_body_bytes
        for name, value in scope["headers"]:
            if name == b"content-length" and (len(value) > 15 or int(value) > most):
                return TOO_LARGE
        parts: list[bytes] = []
        size = held = 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    return TOO_LARGE
                if not message.get("more_body"):
                    return b"".join(parts)
                if size > LARGE:
                    self._large, held = self._large + size - held, size
                    if self._large > LARGE_BODIES:
                        return BUSY
        finally:
            self._large -= held

    async def _take(self, account: Account, body: bytes, scope: Scope) -> Answer:
        """Verify a body, and return when what it tells is durable, or refused."""
        try:
            if account.networks and not ((sender := self._sender(scope)) and is_among(sender, account.networks)):
                return self._refuse(NOT_ALLOWED, account, body, scope, "address")
            callbacks = callback.read(body, account.terms)
            events = in_batch([_entry(account, one) for one in callbacks])
        except BadSignature as refusal:
            return self._refuse(NOT_AUTHENTIC, account, body, scope, refusal.reason, shaped=True)
        except CallbackRefused as refusal:
            return self._refuse(UNREADABLE, account, body, scope, refusal.reason)
        except Exception as fault:  # of ours: what was sent must not be lost by it
            self._complain(f"answered 503: {type(fault).__name__}")
            return self._refuse(NOT_STORED, account, body, scope, "fault", shaped=True)
        await self._collector.events.append(events)
        for one in callbacks:
            self._monitor.accept(account.name, one.kind)
        return STORED

    def _refuse(
        self, answer: Answer, account: Account, body: bytes, scope: Scope, reason: str, *, shaped: bool = False
    ) -> Answer:
        """Keep what is refused, within its quota and without waiting for the disk."""
        self._monitor.reject(account.name, reason)
        remote = str(self._sender(scope) or "")
        event = _refused(account, reason, remote, body)
        size = len(event) + OF_A_LINE
        if not self._collector.quota.admits(account.name, size, shaped=shaped, now=time.monotonic()):
            self._complain(f"refused callbacks of account {account.name} are beyond what is kept of them")
            return answer
        masked = account.terms.masked(body)
        if masked != body:
            event = _refused(account, reason, remote, masked)
        self._collector.rejected.put([event]).add_done_callback(self._kept)
        return answer

    def _kept(self, stored: asyncio.Future[JournalError | None]) -> None:
        if not stored.cancelled() and (failure := stored.result()) is not None:
            self._complain(f"refused callbacks were not kept: {failure}")

    def _sender(self, scope: Scope) -> Address | None:
        peer = scope.get("client")
        return client_of(peer[0] if peer else "", scope["headers"], self._settings.trusted_proxies)

    def _complain(self, what: str) -> None:
        """Log it once in a while, with how often it was so."""
        at, times = self._logged.get(what, (-QUIET_SECONDS, 0))
        if time.monotonic() - at >= QUIET_SECONDS:
            log.error(what + (f" ({times} times more since it was logged last)" if times else ""))
            at, times = time.monotonic(), 0
        else:
            times += 1
        self._logged[what] = (at, times)


def _refused(account: Account, reason: str, remote: str, body: bytes) -> bytes:
    fields = {"reason": reason, "remote": remote, "body": base64.b64encode(body).decode("ascii")}
    return entry(account=account.name, kind="rejected", signed_by="none", key="", fields=fields, extra={})


def _entry(account: Account, one: Callback) -> bytes:
    return entry(
        account=account.name, kind=one.kind, signed_by=one.signed_by, key=one.key, fields=one.fields, extra=one.extra
    )
