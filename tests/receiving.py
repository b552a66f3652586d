"""A collector inside the test's own process, on a clock that the test sets, and the store it fills."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from signing import SECRET

from smsanalytics import Store, open_store
from smsanalytics.collector.app import REJECTED, WRITER, create_app
from smsanalytics.settings import Settings
from smsanalytics.store.journal import Journal
from smsanalytics.store.layout import Layout
from smsanalytics.store.maintenance import Maintenance

ADMIN_PORT = 8026
TOKEN = "an-admin-token-of-more-than-20"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str


class Receiver:
    """Requests go straight into the application; what it was sent is in ``store`` when the ``with`` has ended."""

    def __init__(self, data: Path, **accounts: dict[str, object]) -> None:
        known = {name: {"secrets": {"2026": SECRET}} | said for name, said in (accounts or {"default": {}}).items()}
        self.settings = Settings(data=data, accounts=known, admin_token=TOKEN)
        self.now = 0
        self.remote = "127.0.0.1"
        self.headers = {"authorization": f"Bearer {TOKEN}"}

    def __enter__(self) -> Receiver:
        layout = Layout(self.settings.data)

        def clock() -> int:
            return self.now * 10**9

        self._journals = Journal(layout, WRITER, now=clock), Journal(layout, REJECTED, lazy=True, now=clock)
        self._app = create_app(self.settings, *self._journals, admin_port=ADMIN_PORT)
        self._loop = asyncio.Runner().__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()
        for journal in self._journals:
            journal.close()
        self.store = published(self.settings.data, self.settings.zones)

    def post(self, body: bytes, path: str = "/callback", *, at: int | None = None) -> int:
        return self.request("POST", path, body, at=at).status

    def request(self, method: str, path: str, body: bytes = b"", *, at: int | None = None, port: int = 8025) -> Answer:
        self.now = at if at is not None else self.now
        return self._loop.run(self._request(method, path, body, port))

    def post_all(self, posts: Sequence[tuple[str, bytes]], *, at: int) -> list[int]:
        """Path and body of each, all of them in one moment."""
        self.now = at

        async def together() -> list[Answer]:
            return await asyncio.gather(*(self._request("POST", path, body, 8025) for path, body in posts))

        return [answer.status for answer in self._loop.run(together())]

    def tell(self, path: str, lines: bytes, *, at: int) -> int:
        """Of sends or confirmation requests, on the admin listener."""
        return self.request("POST", path, lines, at=at, port=ADMIN_PORT).status

    async def _request(self, method: str, path: str, body: bytes, port: int) -> Answer:
        said: list[dict[str, object]] = []
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "server": ("127.0.0.1", port),
            "client": (self.remote, 50000),
        }

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, object]) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode(): value.decode() for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], headers, b"".join(part.get("body", b"") for part in said[1:]).decode())


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
