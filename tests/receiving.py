"""A collector inside the test's own process, on a clock that the test sets, and the store it fills."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import uvicorn
from signing import SECRET

from smsanalytics import Store, open_store
from smsanalytics.collector.app import app_of, create_admin_app
from smsanalytics.collector.collector import Collector
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance

PUBLIC_PORT, ADMIN_PORT = 8025, 8026
TOKEN = "an-admin-token-of-more-than-20"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Receiver:
    """Requests go over loopback into a collector of its own; what it was sent is in ``store`` when the ``with`` has ended."""

    def __init__(self, data: Path, *, flush_seconds: float = 60.0, **accounts: dict[str, object]) -> None:
        known = {name: {"secrets": {"2026": SECRET}} | said for name, said in (accounts or {"default": {}}).items()}
        self.settings = Settings(
            data=data,
            accounts=known,
            admin_token=TOKEN,
            trusted_proxies=["127.0.0.1"],
            disk_reserve_bytes=0,
            flush_seconds=flush_seconds,
        )
        self.now = 0
        self.remote = "127.0.0.1"
        self.headers = {"Authorization": f"Bearer {TOKEN}"}

    def __enter__(self) -> Receiver:
        self._runner = asyncio.Runner()
        self._collector = Collector(self.settings, now=lambda: self.now * 10**9)
        public = app_of(self._collector)
        self._lifespan = public.router.lifespan_context(public)
        self._runner.run(self._lifespan.__aenter__())
        self._ports, self._servers, self._serving = {}, [], []
        for port, app in ((PUBLIC_PORT, public), (ADMIN_PORT, create_admin_app(beside=public))):
            listener = socket.create_server(("127.0.0.1", 0))
            self._ports[port] = listener.getsockname()[1]
            self._servers.append(uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None)))
            self._serving.append(self._runner.get_loop().create_task(self._servers[-1]._serve([listener])))
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.should_exit = True
        for serving in self._serving:
            self._runner.run(_ended(serving))
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.close()
        self.store = published(self.settings.data, self.settings.zones)

    def post(self, body: bytes, path: str = "/callback", *, at: int | None = None) -> int:
        return self.request("POST", path, body, at=at).status

    def request(self, method: str, path: str, body: bytes = b"", *, at: int | None = None, port: int = 8025) -> Answer:
        self.now = at if at is not None else self.now
        return self._runner.run(self._request(method, path, body, port))

    def post_all(self, posts: Sequence[tuple[str, bytes]], *, at: int) -> list[int]:
        """Path and body of each, all of them in one moment."""
        self.now = at

        async def together() -> list[Answer]:
            return await asyncio.gather(*(self._request("POST", path, body, PUBLIC_PORT) for path, body in posts))

        return [answer.status for answer in self._runner.run(together())]

    def tell(self, path: str, lines: bytes, *, at: int) -> int:
        """Of sends or confirmation requests, on the admin listener."""
        return self.request("POST", path, lines, at=at, port=ADMIN_PORT).status

    def seal(self) -> None:
        """Hand what was received over to the maintenance; it must be older than ``flush_seconds``."""
        self._runner.run(self._collector.events.seal_if_due())

    async def _request(self, method: str, path: str, body: bytes, port: int) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ports[port])
        said = self.headers | {"Host": "x", "Connection": "close", "Content-Length": str(len(body))}
        head = [
            f"{method} {path} HTTP/1.1",
            f"X-Forwarded-For: {self.remote}",
            *(f"{name}: {value}" for name, value in said.items()),
        ]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        lines, _, text = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        if keeping := self._collector.rejected._drain:  # a refusal is answered before it is kept, by this very clock
            await keeping
        status, *headers = lines.decode().split("\r\n")
        return Answer(int(status.split()[1]), dict(line.split(": ", 1) for line in headers), text.decode())


async def _ended(task: asyncio.Task[None]) -> None:
    await task


def published(data: Path, zones: Mapping[str, str] = MappingProxyType({})) -> Store:
    """The store, when its maintenance has done its work."""
    with Maintenance(Layout(data), zones) as maintenance:
        maintenance.run()
    return open_store(data)


def collected(data: Path, *posts: bytes, at: int, **account: object) -> Store:
    """The store of one account that was sent these, one a second; each was accepted."""
    with Receiver(data, default=account) as collector:
        for second, body in enumerate(posts):
            assert collector.post(body, at=at + second) == 200
    return collector.store
