"""Runs the collector under uvicorn until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence
from types import FrameType

import uvicorn

from smsanalytics.collector.app import create_app, open_journals
from smsanalytics.errors import SettingsError
from smsanalytics.settings import Settings

DRAIN_SECONDS = 10  #: how long requests under way may take after a stop was asked for
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("smsanalytics.collector")


class _Server(uvicorn.Server):
    """Stops on a signal and then returns, so that a stop that was asked for ends with exit code 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self.should_exit = True


def serve(settings: Settings, *, maintain: Sequence[str] | None) -> None:
    """
    Collect callbacks until SIGTERM or SIGINT; then answer what is under way, seal, publish, and return.

    Parameters
    ----------
    settings : Settings
        As configured.
    maintain : sequence of str or None
        Command of the maintenance process to run beside it.

    Raises
    ------
    SettingsError
        If no secret is configured, or the address cannot be listened on.
    StoreError
        If the store cannot be written, or another collector writes it.
    """
    settings = settings.for_serving()
    listening = _listen(settings.host, settings.port)
    app = create_app(settings, *open_journals(settings), maintain=maintain)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    host, port = listening.getsockname()[:2]
    log.info("listening on http://%s:%d/callback", host, port)
    _Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket first: while left-over segments are sealed, callers wait instead of being refused."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another --host or --port"
        ) from None
