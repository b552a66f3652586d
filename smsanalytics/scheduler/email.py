"""Reports by e-mail: one message, TLS or nothing."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from smsanalytics.errors import DeliveryFailed

TIMEOUT = 60.0  #: for each answer of the server [s]
TYPES = {".html": ("text", "html"), ".json": ("application", "json"), ".csv": ("text", "csv")}
OTHER_TYPE = ("application", "octet-stream")


@dataclass(frozen=True)
class Server:
    """
    Where messages are handed over; the attributes are those of the settings.

    `security` ``starttls`` demands that the server offers it, ``tls`` is encrypted from the first byte; both verify
    certificate and name. Any other word sends in the clear, which the settings allow on this machine only.
    """

    host: str
    sender: str
    port: int = 587
    security: str = "starttls"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None

    def send(self, message: EmailMessage, to: Sequence[str]) -> None:
        """
        Hand over one message for these recipients.

        Raises
        ------
        DeliveryFailed
            If the server is not reached, not trusted, or took it for fewer than all: `refused` are the others.
        """
        try:
            with self._connected() as link:
                refused = link.send_message(message, self.sender, list(to))
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(_words(error), alone=_of_this_message(error)) from None
        if refused:
            codes = sorted({code for code, _ in refused.values()})
            said = f"{len(refused)} of {len(to)} recipients refused {' '.join(map(str, codes))}"
            raise DeliveryFailed(said, alone=True, refused=tuple(refused))

    def check(self) -> None:
        """
        Connect, encrypt and log in as for a message, and send none.

        Raises
        ------
        DeliveryFailed
            If the server is not reached, not trusted, or refuses user and password.
        """
        try:
            with self._connected():
                pass
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(_words(error)) from None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        trusted = ssl.create_default_context(cafile=self.ca_file)
        if self.security == "tls":
            link: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=trusted)
        else:
            link = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
        try:
            if self.security == "starttls":
                link.starttls(context=trusted)
            if self.user is not None:
                link.login(self.user, self.password or "")
            yield link
            with contextlib.suppress(OSError, smtplib.SMTPException):
                link.quit()  # what comes after the server's 250 changes nothing
        finally:
            link.close()


def compose(
    title: str, lines: Sequence[str], attached: Path, *, sender: str, to: Sequence[str], key: str, now: datetime
) -> EmailMessage:
    """
    Make the message of a report.

    Parameters
    ----------
    title : str
        The subject.
    lines : sequence of str
        The text.
    attached : Path
        The file of the report.
    sender, to : str and sequence of str
        Addresses.
    key : str
        The part of its Message-ID before the domain: the same for the same report, so that a server which got it twice
        can tell.
    now : datetime
        Its date.

    Returns
    -------
    email.message.EmailMessage

    Examples
    --------
    >>> report = getfixture("tmp_path") / "weekly.csv"
    >>> _ = report.write_text("day,rate")
    >>> message = compose("SMS, last week", ["1,000 messages"], report, sender="reports@example.org",
    ...                   to=["boss@example.org"], key="weekly.20261116T0800", now=datetime(2026, 11, 16))
    >>> message["Subject"], message["Message-ID"]
    ('SMS, last week', '<weekly.20261116T0800@example.org>')
    """
    message = EmailMessage()
    message["Subject"] = in_one_line(title)
    message["From"], message["To"] = sender, ", ".join(to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{key}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("".join(f"{in_one_line(line)}\n" for line in lines), cte="quoted-printable")
    maintype, subtype = TYPES.get(attached.suffix, OTHER_TYPE)
    charset = {"charset": "utf-8"} if maintype == "text" else {}
    message.add_attachment(
        attached.read_bytes(), maintype=maintype, subtype=subtype, filename=attached.name, params=charset
    )
    return message


def in_one_line(text: str) -> str:
    """
    A text without what could end a line or hide in one: it may hold words of whoever sent a message.

    Examples
    --------
    >>> in_one_line("Last week\\r\\nBcc: all@example.org")
    'Last week Bcc: all@example.org'
    """
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _words(error: Exception) -> str:
    """Its kind and the server's code: what a server says may name addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); mail.ca_file may name whom to trust"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"user or password refused {error.smtp_code}"
    code = getattr(error, "smtp_code", "")
    return f"{type(error).__name__} {code}".strip()


def _of_this_message(error: Exception) -> bool:
    """Whether the server refused this message for good, be it for its size, and might take another."""
    for_good = isinstance(error, smtplib.SMTPResponseException) and 500 <= error.smtp_code < 600
    return for_good and (isinstance(error, smtplib.SMTPDataError) or getattr(error, "smtp_code", 0) == 552)
