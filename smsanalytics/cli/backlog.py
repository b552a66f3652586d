"""What waits to be published, announced beside an answer."""

from __future__ import annotations

import contextlib

import typer

from smsanalytics.settings import Settings


def announce_backlog(settings: Settings, *, answered: bool) -> None:
    """Explain an answer of nothing, or one that stays behind since nothing is published, beside the answer."""
    from smsanalytics.ops.status import waits
    from smsanalytics.storage.backlog import waiting
    from smsanalytics.storage.catalog import Layout

    with contextlib.suppress(PermissionError):  # the journal may be closed to those who read tables
        found = waiting(Layout(settings.data))
        if found and not (answered and found.maintaining):
            typer.echo(f"smsanalytics: {waits(found, settings.flush_seconds)}", err=True)
