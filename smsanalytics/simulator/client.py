"""Sends a world's callbacks to a collector, as the provider would."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from smsanalytics.errors import SmsAnalyticsError
from smsanalytics.simulator.world import World

__all__ = ["World", "send", "tell"]

LINES = 5_000  #: in one body
TIMEOUT = 30.0  #: of an answer [s]


def send(
    url: str, posts: Sequence[bytes], *, connections: int = 16, progress: bool = False, timeout: float = TIMEOUT
) -> Counter[int]:
    """
    Post bodies over kept-alive connections, in order as far as several connections allow.

    Parameters
    ----------
    url : str
        ``http://host:port/callback``.
    posts : sequence of bytes
        Form bodies.
    connections : int, default 16
        How many are used at once.
    progress : bool
        Draw a bar on stderr.
    timeout : float, default 30
        How long each answer may take. [s]

    Returns
    -------
    Counter of int
        How often each HTTP status was answered.

    Raises
    ------
    SmsAnalyticsError
        If nobody listens there.
    """
    target = urlsplit(url)
    waiting = iter(posts)
    taking = threading.Lock()
    answers: Counter[int] = Counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not progress, redirect_stdout=False, redirect_stderr=False) as bar:
        task = bar.add_task("sending callbacks", total=len(posts))

        def bodies() -> Iterator[bytes]:
            while True:
                with taking:
                    body = next(waiting, None)
                if body is None:
                    return
                yield body

        def connection() -> Counter[int]:
            connect = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
            answered: Counter[int] = Counter()
            with contextlib.closing(connect(target.hostname or "", target.port, timeout=timeout)) as link:
                for body in bodies():
                    link.request("POST", target.path, body, {"Content-Type": "application/x-www-form-urlencoded"})
                    response = link.getresponse()
                    response.read()
                    answered[response.status] += 1
                    bar.advance(task)
            return answered

        try:
            with ThreadPoolExecutor(connections) as pool:
                for one in [pool.submit(connection) for _ in range(connections)]:
                    answers += one.result()
        except (OSError, http.client.HTTPException) as error:
            raise _unanswered(target.netloc, error) from None
    return answers


def tell(url: str, records: Sequence[Mapping[str, object]], token: str, *, timeout: float = TIMEOUT) -> int:
    """
    Tell a collector's admin listener of sends or of confirmation requests, as the customer's system would.

    Parameters
    ----------
    url : str
        ``http://host:port/sends`` or ``…/confirmation-requests``.
    records : sequence of mappings
        As `World.sends` or `World.requests` give them.
    token : str
        The admin token.
    timeout : float, default 30
        How long each answer may take. [s]

    Returns
    -------
    int
        How many the collector says it stored.

    Raises
    ------
    SmsAnalyticsError
        If it refuses them, or nobody listens there.
    """
    target = urlsplit(url)
    stored = 0
    for first in range(0, len(records), LINES):
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records[first : first + LINES])
        # a connection for each body: one that is kept would be closed on a sender that takes long to write the next
        link = http.client.HTTPConnection(target.hostname or "", target.port, timeout=timeout)
        with contextlib.closing(link):
            try:
                link.request("POST", target.path, lines.encode(), {"Authorization": f"Bearer {token}"})
                response = link.getresponse()
                said = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise _unanswered(target.netloc, error) from None
        if response.status != 200:
            raise SmsAnalyticsError(f"{target.path} answered {response.status}: {said.decode().strip()}")
        stored += json.loads(said)["stored"]
    return stored


def _unanswered(address: str, error: Exception) -> SmsAnalyticsError:
    return SmsAnalyticsError(f"no answer from {address}: {getattr(error, 'strerror', None) or type(error).__name__}")
