"""The answers: what a caller gets. None repeats a word of what was sent."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]
RETRY = {"retry-after": "30"}


class Answer:
    """
    An answer, the same for everybody; an ASGI application that gives it.

    Parameters
    ----------
    status : int
        Of HTTP.
    text : str
        What to check.
    headers : dict of str to str
        Beyond those that every answer has.
    closes : bool
        Whether the connection ends with it, for what comes next is not to be read.
    """

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None, *, closes: bool = False) -> None:
        self.status, self.body = status, text.encode()
        every = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(self.body))}
        closing = {"connection": "close"} if closes else {}
        self.headers: Headers = [
            (name.encode(), value.encode()) for name, value in (every | (headers or {}) | closing).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; each time with a list of its own, for what stands around may add to it."""
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers]})
        await send({"type": "http.response.body", "body": self.body})

    def encoded(self, more: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
        """As it goes over the wire where no application is asked."""
        head = b"".join(b"%s: %s\r\n" % header for header in [*more, *self.headers])
        return b"HTTP/1.1 %d %s\r\n%s\r\n" % (self.status, HTTPStatus(self.status).phrase.encode(), head) + self.body


STORED = Answer(200, "OK")
ALIVE = Answer(200, "OK")  #: the event loop turns; whether the disk writes is another question
UNREADABLE = Answer(400, "not a callback: a field is missing, repeated, or not of the shape the provider sends\n")
NOT_HTTP = Answer(400, "not HTTP/1.1 as it should be: check the proxy\n", closes=True)
NOT_KNOWN = Answer(401, "send the admin token as Authorization: Bearer TOKEN\n", {"www-authenticate": "Bearer"})
NOT_AUTHENTIC = Answer(403, "not authentic: check that the secret in the handler address is the configured one\n")
NOT_ALLOWED = Answer(403, "not from an allowed address: check addresses and trusted_proxies in the settings\n")
NOT_FOUND = Answer(404, "nothing here: check account and token in the path of the handler address\n")
NOT_POST = Answer(405, "callbacks are sent by POST: check the handler's method\n", {"allow": "POST"})
NOT_GET = Answer(405, "this is read by GET: check the method\n", {"allow": "GET, HEAD"})
TOO_SLOW = Answer(408, "the request took too long to arrive: check the network and the proxy\n", closes=True)
TOO_LARGE = Answer(413, "too large for a callback: check max_body_bytes and max_header_bytes\n", closes=True)
TOO_MANY = Answer(429, "too many connections of one address: check max_connections_per_address\n", RETRY, closes=True)
TOO_MANY_GUESSES = Answer(
    429, "too many wrong tokens of one address: check the token, and wait a minute\n", {"retry-after": "60"}
)
NOT_STORED = Answer(503, "could not be stored, send it again: check disk and log of the collector\n", RETRY)
BUSY = Answer(503, "busy, send it again: check max_connections and what else is sent\n", RETRY, closes=True)
STOPPING = Answer(503, "the collector stops, send it again: check that it starts again\n", RETRY, closes=True)
