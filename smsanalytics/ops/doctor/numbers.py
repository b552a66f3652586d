"""The phones of what was reported as sent: in the form in which callbacks name them."""

from __future__ import annotations

from collections.abc import Iterator

from smsanalytics.codes.numbering import many, to_set
from smsanalytics.ops.doctor.finding import Finding, ok, warn
from smsanalytics.settings import Settings
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.national import national_numbers

AGAIN = "report those messages again, for their numbers are stored as they were given"


def look(settings: Settings) -> Iterator[Finding]:
    """Whether callbacks can match what was reported."""
    for account, count in national_numbers(Layout(settings.data)).items():
        check = f"numbers of account {account}"
        if not count:
            yield ok(check, "those of sends and confirmation requests are international")
            continue
        todo = AGAIN if account in settings.numberings else f"{to_set(account)}, then {AGAIN}"
        yield warn(check, f"{many(count)} in sends and confirmation requests, which no callback will match", todo)
