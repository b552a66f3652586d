from __future__ import annotations

import shutil
from datetime import UTC, datetime

import figures
import pytest

from smsanalytics.storage import ingest, journal
from smsanalytics.storage.catalog import Layout
from smsanalytics.storage.maintenance import Maintenance


@pytest.fixture(scope="session")
def hostile_store(example_store, tmp_path_factory):
    """The example, and beside it two messages, a text and a request whose every name wants to be markup."""
    data = shutil.copytree(example_store, tmp_path_factory.mktemp("hostile") / "data")
    at = datetime(2026, 11, 21, 9, tzinfo=UTC)
    second = str(int(at.timestamp()))
    name = figures.HOSTILE
    said = {"type": "0", "parts": "1", "sender": name, "operator": name, "country": name, "status_at": second}
    events = {
        "status": [
            {"message_id": "1044", "phone": "79001230004", "status": "20", "err": "777", **said},
            {"message_id": "1045", "phone": "79001230005", "status": "1", "err": "0", **said},
        ],
        "incoming": [{"phone": "79001230005", "to_number": name, "text": name, "incoming_id": "8", "sent_at": second}],
        "rejected": [{"reason": name, "remote": "", "body": ""}],
    }
    records_of = {
        "send": {"message_id": 1045, "phone": "79001230005", "sent_at": at.isoformat(), "tag": name},
        "confirmation_request": {"phone": "79001230005", "requested_at": at.isoformat(), "purpose": name},
    }
    layout = Layout(data)
    writer = journal.Journal(layout, "w1", now=lambda: (int(at.timestamp()) + 9) * 10**9)
    for kind, rows in events.items():
        for fields in rows:
            writer.write(
                [journal.entry(account="default", kind=kind, signed_by="md5", key="2026", fields=fields, extra={})]
            )
    for kind, record in records_of.items():
        writer.write(ingest.encode(kind, [record]))
    writer.close()
    with Maintenance(layout, {}) as maintenance:
        maintenance.run()
    return data
