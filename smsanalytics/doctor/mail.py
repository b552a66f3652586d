"""The mail server of the schedule: whether its password can be read and, when asked, whether it lets us in."""

from __future__ import annotations

from collections.abc import Iterator

from smsanalytics.doctor.finding import Finding, fail, ok
from smsanalytics.errors import DeliveryFailed, SettingsError
from smsanalytics.report.mail import Server
from smsanalytics.settings import Settings


def findings(settings: Settings, *, call: bool) -> Iterator[Finding]:
    """Whether reports can be mailed; nothing is sent."""
    if settings.mail is None:
        if call:
            yield fail("mail", "there is no [mail] in the settings", "add it, or leave out --mail")
        return
    shown = f"{settings.mail.host}:{settings.mail.port}, security {settings.mail.security}"
    try:
        server = Server(**settings.mail.opened())
        if call:
            server.check()
    except SettingsError as error:
        yield fail("mail", str(error), "correct [mail]")
    except DeliveryFailed as error:
        yield fail("mail", f"{shown}: {error}", "correct [mail], or see the log of that server")
    else:
        yield ok("mail", f"{shown}: {'it lets us in' if call else 'not called; --mail does'}")
