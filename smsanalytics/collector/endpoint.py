"""Where callbacks come in over HTTP: their bodies are read within limits, and answered when it is clear how."""

from __future__ import annotations

import asyncio
import functools
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from smsanalytics.collector.accounts import Account, path_of, routes_of
from smsanalytics.collector.collector import Collector
from smsanalytics.collector.handler import Callbacks
from smsanalytics.collector.responses import BUSY, NOT_HTTP, NOT_POST, TOO_LARGE, TOO_SLOW, Answer
from smsanalytics.collector.sender import Address, client_of

LARGE = 8 * 2**10  #: a body beyond this is larger than a callback [bytes]
LARGE_BODIES = 4 * 2**20  #: what all such bodies may hold while they arrive [bytes]


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
        self._callbacks = Callbacks(collector)
        self._large = 0

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
        return await (answer or NOT_HTTP)(scope, receive, send)  # what stands around waits for an answer even then

    async def _answer(self, account: Account, scope: Scope, receive: Receive) -> Answer | None:
        """Read a callback and say what becomes of it; None where nobody waits for an answer any more."""
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            return TOO_SLOW
        if not isinstance(body, bytes):
            return body
        started = time.perf_counter()
        answer = await self._callbacks.take(account, body, functools.partial(self._sender, scope))
        self._monitor.request.observe(time.perf_counter() - started)
        return answer

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
                if size > LARGE:
                    self._large, held = self._large + size - held, size
                    if self._large > LARGE_BODIES:
                        return BUSY
                if not message.get("more_body"):
                    return b"".join(parts)
        finally:
            self._large -= held

    def _sender(self, scope: Scope) -> Address | None:
        peer = scope.get("client")
        return client_of(peer[0] if peer else "", scope["headers"], self._settings.trusted_proxies)
