"""What the servers with a database check and keep of a form."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

SECRET = os.environ["BENCH_SECRET"]
COLUMNS = ("id", "phone", "status", "time", "ts", "err", "type", "cnt", "cost", "sender", "operator", "mcc", "mnc",
           "country", "region")  # fmt: skip
TABLE = f"CREATE TABLE IF NOT EXISTS callbacks ({', '.join(f'{name} TEXT' for name in COLUMNS)})"


def is_signed(form: Mapping[str, str]) -> bool:
    """Whether the md5 of a status is that of its signed fields and the secret."""
    signed = f"{form['id']}:{form['phone']}:{form['status']}:{SECRET}"
    return hmac.compare_digest(hashlib.md5(signed.encode(), usedforsecurity=False).hexdigest(), form["md5"])


def row_of(form: Mapping[str, str]) -> list[str]:
    """The values of a row."""
    return [form.get(name, "") for name in COLUMNS]
