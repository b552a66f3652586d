"""Runs the collector under uvicorn until it is told to stop."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import Iterator, Sequence

import uvicorn

from smsanalytics.collector.app import create_app, open_journals
from smsanalytics.errors import SettingsError
from smsanalytics.settings import Settings

DRAIN_SECONDS = 10  #: how long requests under way may take after a stop was asked for
SECRET_LENGTH = 20  #: characters below which the hash of a captured callback gives a secret away
SIGNALS = (signal.SIGINT, signal.SIGTERM)

log = logging.getLogger("smsanalytics.collector")


class _Server(uvicorn.Server):
    """Leaves signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, *_: object) -> None:
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
    sockets = [_listen(settings.host, settings.port, "--host or --port")]
    if settings.admin_address is not None:
        sockets.append(_listen(*settings.admin_address, "--admin"))
    addresses = [one.getsockname()[:2] for one in sockets]
    ports = [port for _, port in addresses]
    if len(set(ports)) < len(ports):  # it tells the two apart
        raise SettingsError(f"admin needs a port of its own, not {ports[0]}; choose another --admin")
    app = create_app(settings, *open_journals(settings), admin_port=ports[1] if ports[1:] else None, maintain=maintain)
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
    server = _Server(config)
    for number in SIGNALS:
        signal.signal(number, server.stop)
    for name, account in settings.accounts.items():
        for label, secret in account.secrets.items():
            if len(secret.get_secret_value()) < SECRET_LENGTH:
                log.warning("secret %s of account %s is shorter than %d and may be guessed", label, name, SECRET_LENGTH)
    for address in addresses[1:]:
        log.info("admin on http://%s:%d", *address)
    log.info("listening on http://%s:%d/callback", *addresses[0])
    server.run(sockets=sockets)
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # all is done: a second signal has nothing left to stop


def _listen(host: str, port: int, options: str) -> socket.socket:
    """Open the socket first: while left-over segments are sealed, callers wait instead of being refused."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror}; choose another {options}") from None
