"""In front of the pages of the admin listener: wrong tokens are counted, and requests without one wait their turn."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from smsanalytics.collector.accounts import path_of
from smsanalytics.collector.sender import Network, client_of, network_of

TURN_SECONDS = 0.01  #: between two requests without the token: so many leave room for callbacks
GUESSES, GUESS_SECONDS = 10, 6.0  #: wrong tokens of one address at once, and until it has another
ADDRESSES = 1000  #: of which wrong tokens are counted; beyond them the first to guess is dropped
TOO_MANY_GUESSES = "too many wrong tokens of one address: check the token, and wait a minute\n"


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
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        app: ASGIApp = self._app
        if scope["type"] == "http":
            scope = {**scope, "path": scope.get("root_path", "") + path_of(scope)}
            guessed_too_often, knows = self._judged(Request(scope))
            if guessed_too_often:
                app = PlainTextResponse(TOO_MANY_GUESSES, 429, {"retry-after": "60"})
            if not knows:
                await self._wait_for_turn()
        await app(scope, receive, send)

    def _judged(self, request: Request) -> tuple[bool, bool]:
        """Whether its address sent too many wrong tokens, and whether it knows the right one."""
        if self._token is None or "authorization" not in request.headers:
            return False, False
        caller, now = self._caller(request), time.monotonic()
        if not self._guesses.has_left(caller, now):
            return True, False
        if is_known(request, self._token):
            return False, True
        self._guesses.take(caller, now)
        return False, False

    def _caller(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        return network_of(str(client_of(peer, request.headers.raw, self._trusted) or peer))

    async def _wait_for_turn(self) -> None:
        now = time.monotonic()
        self._turn = max(now, self._turn + TURN_SECONDS)
        if self._turn > now:
            await asyncio.sleep(self._turn - now)


class Guesses:
    """
    Wrong tokens that each address may still send: so many, and one more from time to time.

    Examples
    --------
    >>> guesses = Guesses()
    >>> for _ in range(GUESSES):
    ...     guesses.take("192.0.2.1", now=0.0)
    >>> guesses.has_left("192.0.2.1", now=1.0), guesses.has_left("192.0.2.1", now=6.0)
    (False, True)
    >>> guesses.has_left("192.0.2.2", now=1.0)
    True
    """

    def __init__(self) -> None:
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # and when that was

    def has_left(self, address: str, now: float) -> bool:
        """Whether an address may send a token that may be wrong."""
        return self._at(address, now) >= 1.0

    def take(self, address: str, now: float) -> None:
        """Count a wrong one."""
        self._left[address] = (max(0.0, self._at(address, now) - 1.0), now)
        if len(self._left) > ADDRESSES:
            self._left.popitem(last=False)

    def _at(self, address: str, now: float) -> float:
        left, at = self._left.get(address, (float(GUESSES), now))
        return min(float(GUESSES), left + (now - at) / GUESS_SECONDS)


def is_known(request: Request, token: bytes) -> bool:
    """Whether a request brings the admin token."""
    given = [value for name, value in request.headers.raw if name == b"authorization"]
    return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + token)
