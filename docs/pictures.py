"""Draw the pictures of the README from a simulated fortnight: ``python docs/pictures.py``."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from smsanalytics import charts, open_store
from smsanalytics.provider.simulator import World
from smsanalytics.store.journal import Journal, entry
from smsanalytics.store.layout import Layout
from smsanalytics.store.maintenance import Maintenance
from smsanalytics.wire.callback import Terms, read

UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)
SECRET = "a-secret-for-the-pictures"  # noqa: S105
HERE = Path(__file__).parent


def collect(layout: Layout, world: World) -> None:
    """Put the authentic callbacks of a world into a store, as if all were received when it ends."""
    journal = Journal(layout, "w0", now=lambda: int(UNTIL.timestamp()) * 10**9)
    authentic = []
    for body in world.posts(SECRET, forged=False):
        [one] = read(body, Terms({"picture": SECRET.encode()}))
        authentic.append(
            entry(
                account="default",
                kind=one.kind,
                signed_by=one.signed_by,
                key=one.key,
                fields=one.fields,
                extra=one.extra,
            )
        )
    journal.write(authentic)
    journal.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()


with tempfile.TemporaryDirectory() as directory:
    collect(Layout(Path(directory)), World.make(10_000, seed=1, until=UNTIL))
    store = open_store(directory, tz="Europe/Moscow")
    charts.delivery_rate(store.delivery_rate(["day"])).save(HERE / "delivery_rate.svg")
    print("drew docs/delivery_rate.svg")
