"""A real mail server on the loopback interface, with a certificate of its own authority."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

PASSWORD = "hush-hush"


class Box:
    """
    What came, and what the server is to say.

    ``answers`` maps a command (``RCPT``, ``DATA``) to what it is answered with instead, ``refused`` are recipients who
    get a 550, and ``deaf`` drops the connection where others answer QUIT.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], EmailMessage]] = []
        self.answers: dict[str, str] = {}
        self.refused: set[str] = set()
        self.deaf = False
        self.secure: list[bool] = []
        self.logins: list[bytes] = []
        self.links = 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - aiosmtpd's names
        self.links += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address in self.refused or "RCPT" in self.answers:
            return self.answers.get("RCPT", "550 no such mailbox")
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if "DATA" in self.answers:
            return self.answers["DATA"]
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append((list(envelope.rcpt_tos), message))
        self.secure.append(server.transport.get_extra_info("ssl_object") is not None)
        return "250 taken"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        if self.deaf:
            server.transport.abort()
        return "221 bye"

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append(data.login)
        return AuthResult(success=data.password == PASSWORD.encode(), handled=False)

    def sent(self) -> list[str]:
        """The Message-IDs in the order in which they came."""
        return [message["Message-ID"] for _, message in self.messages]


@contextlib.contextmanager
def mail_server(
    box: Box, *, certificate: trustme.LeafCert | None, security: str = "starttls", login: bool = False, port: int = 0
) -> Iterator[int]:
    """Serve on a free port, which is yielded; without a certificate in the clear."""
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(context)
    starttls = context if security == "starttls" else None

    def protocol() -> SMTP:
        return SMTP(
            box,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=box.authenticate,
            auth_required=login,
            auth_require_tls=security != "none",
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    started = loop.run_until_complete(
        loop.create_server(protocol, "127.0.0.1", port, ssl=context if security == "tls" else None)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield started.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_close(started), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0)


def authority(directory: Path) -> tuple[trustme.CA, Path]:
    """An authority, and the file of its certificate."""
    made = trustme.CA()
    made.cert_pem.write_to_path(directory / "ca.pem")
    return made, directory / "ca.pem"
