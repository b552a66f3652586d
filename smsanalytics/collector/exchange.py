"""A request's body, read within its bounds, and the answer to it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class Answer:
    """What a caller gets; never a word of what it sent."""

    status: int
    text: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"text/plain; charset=utf-8"

    async def send(self, send: Send) -> None:
        """Send it, whole."""
        body = self.text.encode()
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(body)),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


NOT_STORED = Answer(503, "could not be stored; send it again\n", ((b"retry-after", b"30"),))


class TooLarge(Exception):
    """A body has more bytes than it may have."""


async def read_body(scope: Scope, receive: Receive, max_bytes: int) -> bytes | None:
    """
    Read a body to its end; None if the client went away.

    Raises
    ------
    TooLarge
        As soon as that is certain, from its length or from what came.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and (len(value) > 12 or int(value) > max_bytes):
            raise TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > max_bytes:
            raise TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
