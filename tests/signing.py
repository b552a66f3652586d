"""The provider's signature, written once more for the tests."""

from __future__ import annotations

import hashlib
from urllib.parse import quote_from_bytes

SECRET = "s3cret_Key-1"


def status_body(
    message_id: int | str, phone: str = "79001230001", status: int | str = 1, *, secret: str = SECRET, **more: str
) -> bytes:
    md5 = hashlib.md5(f"{message_id}:{phone}:{status}:{secret}".encode()).hexdigest()
    fields = {"id": str(message_id), "phone": phone, "status": str(status), **more, "md5": md5}
    return "&".join(
        f"{name}={quote_from_bytes(value.encode('cp1251', 'replace'))}" for name, value in fields.items()
    ).encode()
