"""What commands share that write to a store: its maintenance, and the publishing of what was just written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from smsanalytics.errors import StoreBusy
from smsanalytics.settings import Settings

if TYPE_CHECKING:
    from smsanalytics.storage.maintenance import Maintenance
    from smsanalytics.storage.pseudonyms import Privacy
    from smsanalytics.storage.rollup_update import Watch


def privacy_of(settings: Settings) -> Privacy:
    """What of each event is kept, by the settings."""
    from smsanalytics.storage.pseudonyms import Privacy

    key = settings.pseudonym_key.get_secret_value().encode() if settings.pseudonym_key else b""
    return Privacy(key, keep_texts=settings.keep_texts)


def open_maintenance(settings: Settings, *, patience: float = 0.0, on_progress: Watch | None = None) -> Maintenance:
    """The maintenance of the store of the settings; `patience` is how long to wait for another one. [s]"""
    from smsanalytics.storage.catalog import Layout
    from smsanalytics.storage.maintenance import Maintenance
    from smsanalytics.storage.rollup_update import unwatched

    kept: dict[str, int] = {table: days for table, days in settings.retention.items()}  # noqa: C416 - of any str
    layout, privacy = Layout(settings.data), privacy_of(settings)
    return Maintenance(
        layout, settings.zones, retention=kept, privacy=privacy, patience=patience, told=on_progress or unwatched
    )


def publish(settings: Settings) -> None:
    """Publish what was just written, unless somebody does so already."""
    try:
        with open_maintenance(settings) as maintenance:
            maintenance.run()
        typer.echo("published")
    except StoreBusy:
        typer.echo("the maintenance that is running publishes them in a moment")
