"""The provider's signature, written once more for the tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote_from_bytes

SECRET = "s3cret_Key-1"


def md5_of(*signed: object, secret: str = SECRET, charset: str = "cp1251") -> str:
    return hashlib.md5(":".join([*map(str, signed), secret]).encode(charset)).hexdigest()


def form(fields: Mapping[str, object], charset: str = "cp1251") -> bytes:
    values = {name: quote_from_bytes(str(value).encode(charset, "replace")) for name, value in fields.items()}
    return "&".join(f"{name}={value}" for name, value in values.items()).encode()


def status_body(
    message_id: int | str, phone: str = "79001230001", status: int | str = 1, *, secret: str = SECRET, **more: object
) -> bytes:
    md5 = md5_of(message_id, phone, status, secret=secret)
    return form({"id": message_id, "phone": phone, "status": status, **more, "md5": md5})


def incoming_body(
    phone: str, mes: str, to: str = "79001230000", *, charset: str = "windows-1251", **more: object
) -> bytes:
    """It echoes a charset that is not the default."""
    echoed = {} if charset == "windows-1251" else {"charset": charset}
    md5 = md5_of(phone, mes, to, charset=charset)
    return form({**echoed, "phone": phone, "mes": mes, "to": to, **more, "md5": md5}, charset)


def confirmation_body(phone: str, ts: int, **more: object) -> bytes:
    return form({"waitcall": 1, "phone": phone, "ts": ts, **more, "md5": md5_of(phone, ts)})
