"""In front of the pages of the admin listener: wrong tokens are counted, and requests without one wait their turn."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from smsanalytics.collector.accounts import path_of
from smsanalytics.collector.quota import Allowance
from smsanalytics.collector.responses import TOO_MANY_GUESSES
from smsanalytics.collector.sender import Network, client_of, network_of

TURN_SECONDS = 0.01  #: between two requests without the token: so many leave room for callbacks
GUESSES, GUESSES_SECONDS = 10, 60.0  #: wrong tokens of one address at once, and until it may send as many again
ADDRESSES = 1000  #: of which wrong tokens are counted; beyond them the first to guess is dropped


class Gate:
    """
    Lets requests through to an application.

    A request with the right token passes at once, unless its address sent too many wrong ones just before. Others pass
    in turn.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    token : bytes or None
        What a caller may know.
    trusted : tuple of Network
        Proxies whose ``X-Forwarded-For`` or ``Forwarded`` is believed.
    """

    def __init__(self, app: ASGIApp, *, token: bytes | None, trusted: tuple[Network, ...]) -> None:
        self._app, self._token, self._trusted = app, token, trusted
        self._turn = 0.0
        self._guesses: OrderedDict[str, Allowance] = OrderedDict()  # what each address has left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        app: ASGIApp = self._app
        if scope["type"] == "http":
            scope = {**scope, "path": scope.get("root_path", "") + path_of(scope)}
            guessed_too_often, knows = self._judged(Request(scope))
            if guessed_too_often:
                app = TOO_MANY_GUESSES
            if not knows:
                await self._wait_for_turn()
        await app(scope, receive, send)

    def _judged(self, request: Request) -> tuple[bool, bool]:
        """Whether its address sent too many wrong tokens, and whether it knows the right one."""
        if self._token is None or "authorization" not in request.headers:
            return False, False
        caller, now = self._caller(request), time.monotonic()
        left = self._guesses.get(caller) or Allowance(GUESSES, GUESSES_SECONDS)
        if not left.has(1, now):
            return True, False
        if is_known(request, self._token):
            return False, True
        left.take(1, now)
        self._guesses[caller] = left
        if len(self._guesses) > ADDRESSES:
            self._guesses.popitem(last=False)
        return False, False

    def _caller(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return network_of(str(client_of(peer, request.headers.raw, self._trusted) or peer))

    async def _wait_for_turn(self) -> None:
        now = time.monotonic()
        self._turn = max(now, self._turn + TURN_SECONDS)
        if self._turn > now:
            await asyncio.sleep(self._turn - now)


def is_known(request: Request, token: bytes) -> bool:
    """Whether a request brings the admin token."""
    given = [value for name, value in request.headers.raw if name == b"authorization"]
    return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + token)
