"""Signed callbacks as bytes of HTTP, each with an id of its own; the same for every server."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

import numpy as np
import numpy.typing as npt

SECRET = "a-secret-of-the-benchmark"
HEAD = (
    "POST /callback HTTP/1.1\r\nHost: collector.example\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
)
NETWORKS = (  # operator, mcc, mnc, country, region
    ("MTS", "250", "01", "Россия", "Москва и Московская область"),
    ("MegaFon", "250", "02", "Россия", "Новосибирская область"),
    ("Beeline", "250", "99", "Россия", "Республика Татарстан"),
    ("Kcell", "401", "02", "Казахстан", "Казахстан"),
)
NAMES = ("operator", "mcc", "mnc", "country", "region")
TAILS = [
    "&".join(f"{name}={quote_plus(value, encoding='cp1251')}" for name, value in zip(NAMES, network, strict=True))
    for network in NETWORKS
]
STATUSES = ((1, 0), (0, 0), (1, 0), (20, 1))  # status, err

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Posts:
    """Requests, whose ids follow one another from `first`."""

    first: int
    requests: Sequence[bytes]

    def ids(self, chosen: bytes | bytearray) -> Ids:
        """The ids of those whose byte in `chosen` is not 0."""
        return np.flatnonzero(np.frombuffer(chosen, np.uint8)).astype(np.int64) + self.first


class Callbacks:
    """Makes them; no id comes twice."""

    def __init__(self) -> None:
        self._next = 1

    def take(self, count: int) -> Posts:
        """Return so many delivery statuses, sixteen fields each."""
        first, self._next = self._next, self._next + count
        now = time.time()
        at = f"time={time.strftime('%d.%m.%Y+%H%%3A%M%%3A%S', time.gmtime(now + 3 * 3600))}&ts={int(now)}"
        return Posts(first, [_request(number, at) for number in range(first, self._next)])


def _request(number: int, at: str) -> bytes:
    phone = f"7900123{number % 10_000:04}"
    status, err = STATUSES[number % len(STATUSES)]
    signed = f"{number}:{phone}:{status}:{SECRET}".encode()
    md5 = hashlib.md5(signed, usedforsecurity=False).hexdigest()
    body = (
        f"id={number}&phone={phone}&status={status}&{at}&err={err}&type=0&cnt=1&cost=3.10&sender=SHOP"
        f"&{TAILS[number % len(TAILS)]}&md5={md5}"
    )
    return f"{HEAD}{len(body)}\r\n\r\n{body}".encode("ascii")
