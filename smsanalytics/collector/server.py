"""Runs the collector until it is asked to stop: as one process, or as several that share its sockets."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette

from smsanalytics.collector.app import app_of, create_admin_app
from smsanalytics.collector.collector import Collector
from smsanalytics.collector.ingest_api import MAX_BODY_BYTES
from smsanalytics.collector.monitor import SHARED
from smsanalytics.collector.protocol import Connections, LimitedProtocol
from smsanalytics.collector.supervisor import Child
from smsanalytics.errors import SettingsError
from smsanalytics.settings import SECRET_LENGTH, Settings
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import Layout

ADMIN_CONNECTIONS = 100  #: at once
GARBAGE = 20_000  #: objects more before cycles are sought: there are hardly any, and to seek them took 5 % of the time
HANDED_OVER = 3  #: the first file that systemd hands over. Source: sd_listen_fds(3)
SIGNALS = (signal.SIGINT, signal.SIGTERM)
MEMORY = Path("/dev/shm")  # noqa: S108 - where workers count together: a full disk must not end them

log = logging.getLogger("smsanalytics.collector")


def serve(settings: Settings, *, maintain: Sequence[str] | None, worker: Sequence[str]) -> None:
    """
    Collect callbacks until SIGTERM or SIGINT; then answer what is under way, seal, publish, and return.

    Parameters
    ----------
    settings : Settings
        As configured.
    maintain : sequence of str or None
        Command of the maintenance process to run beside it.
    worker : sequence of str
        Command of a worker, to which its number and the numbers of its sockets are added; see `work`.

    Raises
    ------
    SettingsError
        If no secret is configured, the address cannot be listened on, or what is held open is no such address.
    StoreError
        If the store cannot be written, or another collector writes it.

    Notes
    -----
    Where the system holds the public port open and hands it over, as systemd does for ``smsanalytics.socket``, that is
    the port: who calls while nobody serves waits there.
    """
    settings = settings.for_serving()
    sockets = [_held() or _listen(settings.host, settings.port, "--host or --port")]
    if settings.admin_address is not None:
        sockets.append(_listen(*settings.admin_address, "--admin"))
    layout = Layout(settings.data)
    atomic.make_directory(layout.journal)
    with atomic.locked(layout.journal, "the journal of this store"):
        if settings.workers == 1:
            server = _Server(settings, sockets, maintain=maintain)
            for number in SIGNALS:
                signal.signal(number, server.stop)
            _introduce(settings, sockets)
            server.run()
        else:
            _introduce(settings, sockets)
            memory = MEMORY if MEMORY.is_dir() else None
            with tempfile.TemporaryDirectory(prefix="smsanalytics-", dir=memory) as counted:
                os.environ[SHARED] = counted
                asyncio.run(_supervise(settings.workers, sockets, maintain, worker))
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # all is done: a second signal has nothing left to stop


def work(settings: Settings, number: int, descriptors: Sequence[int]) -> None:
    """
    Be one of several workers, until the end of standard input.

    Parameters
    ----------
    settings : Settings
        As configured.
    number : int
        Which one; it says which slots are its own.
    descriptors : sequence of int
        Of the listening sockets, the public one first.

    Raises
    ------
    StoreError
        As `serve`.
    """
    for name in SIGNALS:  # to the whole group, they are its parent's to act on
        signal.signal(name, signal.SIG_IGN)
    sockets = [socket.socket(fileno=descriptor) for descriptor in descriptors]
    server = _Server(settings.for_serving(), sockets, number=number)
    threading.Thread(target=_stop_at_end, args=[server], daemon=True).start()
    server.run()


class _Server:
    """
    The two applications of a collecting process, each on its listener, until it is asked to stop.

    The slots of the journal are its own from here on.
    """

    def __init__(
        self,
        settings: Settings,
        sockets: Sequence[socket.socket],
        *,
        number: int = 0,
        maintain: Sequence[str] | None = None,
    ) -> None:
        self._settings, self._sockets, self._maintain = settings, sockets, maintain
        self._collector = Collector(settings, number)
        self._collector.open()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Serve."""
        gc.set_threshold(GARBAGE)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    def stop(self, *_: object) -> None:
        """Ask it to stop; from a signal handler, or from another thread."""
        self._stopping.set()

    async def _serve(self) -> None:
        app = app_of(self._collector)
        listeners = [self._public(app), self._admin(create_admin_app(beside=app))]
        async with contextlib.AsyncExitStack() as closing:
            if self._maintain:
                closing.push_async_callback(Child(self._maintain, "the maintenance").stop)
            await closing.enter_async_context(app.router.lifespan_context(app))
            await asyncio.gather(
                *(listener.serve([at]) for listener, at in zip(listeners, self._sockets, strict=False))
            )

    def _public(self, app: Starlette) -> _Listener:
        settings = self._settings
        connections = Connections(
            settings,
            most=settings.max_connections,
            of_an_address=settings.max_connections_per_address,
            body_bytes=settings.max_body_bytes,
            idle_seconds=settings.idle_seconds,
            monitor=self._collector.monitor,
        )
        return _Listener(app, connections, self._stopping)

    def _admin(self, app: Starlette) -> _Listener:
        connections = Connections(
            self._settings,
            most=ADMIN_CONNECTIONS,
            of_an_address=ADMIN_CONNECTIONS,
            body_bytes=MAX_BODY_BYTES,
            idle_seconds=self._settings.header_seconds,
        )
        return _Listener(app, connections, self._stopping)


class _Listener(uvicorn.Server):
    """Serves an application at a socket, with bounds for its connections; leaves signals and lifespan to others."""

    def __init__(self, app: Starlette, connections: Connections, stopping: threading.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=functools.partial(LimitedProtocol, connections),  # type: ignore[arg-type]
                proxy_headers=False,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
            )
        )
        self._connections, self._stopping = connections, stopping

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        sweeping = asyncio.create_task(self._connections.sweep())
        await self._serve(sockets)
        sweeping.cancel()

    async def on_tick(self, counter: int) -> bool:
        await super().on_tick(counter)
        if self._stopping.is_set():
            self._connections.stop()
        return self._stopping.is_set()


async def _supervise(
    workers: int, sockets: Sequence[socket.socket], maintain: Sequence[str] | None, command: Sequence[str]
) -> None:
    stop = asyncio.Event()
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    descriptors = [at.fileno() for at in sockets]
    given = ["--sockets", ",".join(map(str, descriptors))]
    maintenance = [Child(maintain, "the maintenance")] if maintain else []
    children = [
        Child([*command, "--worker", str(number), *given], f"worker {number}", pass_fds=descriptors)
        for number in range(workers)
    ]
    await stop.wait()
    for together in (children, maintenance):  # which publishes what they have sealed
        await asyncio.gather(*(child.stop() for child in together))


def _introduce(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for name, account in settings.accounts.items():
        for label, secret in account.secrets.items():
            if len(secret.get_secret_value()) < SECRET_LENGTH:
                log.warning("secret %s of account %s is shorter than %d and may be guessed", label, name, SECRET_LENGTH)
    for at in sockets[1:]:
        log.info("admin on %s", _address(at))
    log.info("listening on %s/callback", _address(sockets[0]))


def _stop_at_end(server: _Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    server.stop()


def _held() -> socket.socket | None:
    """Take the socket that the system holds open for this process, if it does."""
    meant_for, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    if meant_for != str(os.getpid()):
        return None
    held = socket.socket(fileno=HANDED_OVER)
    listens = held.family in (socket.AF_INET, socket.AF_INET6) and held.getsockopt(
        socket.SOL_SOCKET, socket.SO_ACCEPTCONN
    )
    if count != "1" or not listens:
        raise SettingsError("the socket unit must hold one listening TCP port: one ListenStream=ADDRESS:PORT")
    held.set_inheritable(False)
    return held


def _listen(host: str, port: int, options: str) -> socket.socket:
    """Open the socket first: while left-over segments are sealed, callers wait instead of being refused."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = address[0] == "::" and socket.has_dualstack_ipv6()  # of IPv4 too: what is everywhere is everywhere
        return socket.create_server(address[:2], family=family, backlog=2048, dualstack_ipv6=both)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}; choose another {options}") from None


def _address(of: socket.socket) -> str:
    """As it can be pasted."""
    host, port = of.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
