"""The answers: what a caller gets. None repeats a word of what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

RETRY = (("retry-after", "30"),)


@dataclass(frozen=True)
class Answer:
    """
    An answer, the same for everybody.

    Attributes
    ----------
    status : int
        Of HTTP.
    text : str
        What to check.
    headers : tuple of (str, str)
        Beyond those that every answer has.
    closes : bool
        Whether the connection ends with it, for what comes next is not to be read.
    """

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    closes: bool = False

    def encoded(self, date: bytes, *, closes: bool, head: bool = False) -> bytes:
        """As it goes over the wire, with the header ``date``; only its head where HEAD asked for it."""
        before, after, text = self._parts
        return before + date + (b"connection: close\r\n" + after if closes else after) + (b"" if head else text)

    @cached_property
    def _parts(self) -> tuple[bytes, bytes, bytes]:
        text = self.text.encode()
        own = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        before = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        after = f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n{own}\r\n"
        return before.encode(), after.encode(), text


STORED = Answer(200, "OK")
ALIVE = Answer(200, "OK")  #: the event loop turns; whether the disk writes is another question
UNREADABLE = Answer(400, "not a callback: a field is missing, repeated, or not of the shape the provider sends\n")
NOT_HTTP = Answer(400, "not HTTP/1.1 as it should be: check the proxy\n", closes=True)
NOT_AUTHENTIC = Answer(403, "not authentic: check that the secret in the handler address is the configured one\n")
NOT_ALLOWED = Answer(403, "not from an allowed address: check addresses and trusted_proxies in the settings\n")
NOT_FOUND = Answer(404, "nothing here: check account and token in the path of the handler address\n")
NOT_POST = Answer(405, "callbacks are sent by POST: check the handler's method\n", (("allow", "POST"),))
NOT_GET = Answer(405, "this is read by GET: check the method\n", (("allow", "GET, HEAD"),))
TOO_SLOW = Answer(408, "the request took too long to arrive: check the network and the proxy\n", closes=True)
TOO_LARGE = Answer(413, "too large for a callback: check max_body_bytes and max_header_bytes\n", closes=True)
TOO_MANY = Answer(429, "too many connections of one address: check max_connections_per_address\n", RETRY, closes=True)
NOT_STORED = Answer(503, "could not be stored, send it again: check disk and log of the collector\n", RETRY)
BUSY = Answer(503, "busy, send it again: check max_connections and what else is sent\n", RETRY, closes=True)
STOPPING = Answer(503, "the collector stops, send it again: check that it is started anew\n", RETRY, closes=True)
