"""Clients over raw sockets, for what no library would send, on either listener of a collector."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import time
from urllib.parse import urlsplit

from signing import status_body

TOKEN = "an-admin-token-of-more-than-20"
BEARER = f"Authorization: Bearer {TOKEN}"
CHUNKED = "Transfer-Encoding: chunked"
NUMBERS = itertools.count(1)  #: of messages


class Link:
    """A connection whose answers are read to their ends, however they are cut on their way."""

    def __init__(self, base: str, source: str = "127.0.0.1") -> None:
        at = urlsplit(base)
        self.socket = socket.create_connection((at.hostname, at.port), timeout=5, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts: bytes, pause: float = 0.05) -> None:
        for number, part in enumerate(parts):
            time.sleep(pause if number else 0)
            self.socket.sendall(part)

    def answer(self, method: str = "POST") -> tuple[int, dict[str, str], str]:
        """Status, headers and text of the next answer."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        status, pairs = int(first.split(" ")[1]), (line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        length = 0 if method == "HEAD" or status == 100 else int(headers["content-length"])
        while len(self._received) < length:
            self._receive()
        text, self._received = self._received[:length].decode(), self._received[length:]
        return status, headers, text

    def _receive(self) -> None:
        part = self.socket.recv(65536)
        assert part, f"the connection ended after {self._received!r}"
        self._received += part

    def rest(self) -> bytes:
        """All that still comes until the connection ends."""
        with contextlib.suppress(ConnectionError):
            while part := self.socket.recv(65536):
                self._received += part
        return self._received


class Listener:
    """A listener of a collector, with what it must have stored in the end, and what it must not."""

    def __init__(self, name: str, base: str) -> None:
        self.name, self.base = name, base
        self.path, self.credentials = ("/sends", [BEARER]) if name == "admin" else ("/callback", [])
        self.text = '{"stored": 1}\n' if name == "admin" else "OK"
        self.acknowledged: set[int] = set()
        self.refused: set[int] = set()

    def sample(self) -> tuple[int, bytes]:
        number = next(NUMBERS)
        if self.name == "public":
            return number, status_body(number)
        record = {"message_id": number, "phone": "79001230001", "sent_at": "2026-11-22T12:00:00+03:00"}
        return number, json.dumps(record).encode() + b"\n"

    def request(self, body=None, *headers, method="POST", target="", version="1.1", known=True) -> bytes:
        """A request; its body has a length unless there is none, or it comes in chunks."""
        lines = [f"{method} {target or self.path} HTTP/{version}", "Host: x", *(self.credentials if known else ())]
        length = [f"Content-Length: {len(body)}"] if body is not None and CHUNKED not in headers else []
        return "\r\n".join([*lines, *headers, *length, "", ""]).encode() + (body or b"")

    def stores(self, link: Link, number: int) -> dict[str, str]:
        status, headers, text = link.answer()
        if status == 200:
            self.acknowledged.add(number)
        assert (status, text) == (200, self.text), (status, text)
        return headers

    def answers(self, link: Link, number: int, status: int) -> None:
        """Stores it, or refuses it."""
        if status == 200:
            self.stores(link, number)
        else:
            self.refused.add(number)
            self.refuses(link, status)

    def goes_on(self, link: Link) -> None:
        """The next request on a connection is answered right."""
        number, body = self.sample()
        link.send(self.request(body))
        self.stores(link, number)

    def refuses(self, link: Link, status: int) -> tuple[dict[str, str], str]:
        found, headers, text = link.answer()
        assert (found, "79001" in text) == (status, False), (found, text)
        return headers, text


def chunks(body: bytes, trailer: bytes = b"", extension: bytes = b"") -> bytes:
    half = len(body) // 2
    parts = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in (body[:half], body[half:]))
    return parts + b"0" + extension + b"\r\n" + trailer + b"\r\n"


def cut(request: bytes, pieces: str) -> list[bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    bytewise = [request[at : at + 1] for at in range(len(request))]
    return {"one-packet": [request], "body-later": [head + b"\r\n\r\n", body], "bytewise": bytewise}[pieces]
