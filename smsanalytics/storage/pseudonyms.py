"""
What is left out when lines of the journal become rows: phones behind pseudonyms, texts behind digests.

A pseudonym is ``p`` and 32 hex digits of an HMAC-SHA256 of the phone as it would be stored, so the same phone is the
same pseudonym in every table, and nobody without the key can try numbers. DuckDB computes it, with the key in
variables of the connection, so that no SQL text holds it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import orjson

from smsanalytics.errors import StoreError
from smsanalytics.storage import atomic
from smsanalytics.storage.catalog import Layout

BLOCK = 64  #: of SHA-256 [bytes]
LENGTH = 32  #: of a pseudonym without its p, and of a digest [hex digits]
DIGEST = "text_digest"  #: in `extra`, where a text is not kept
PRINT = re.compile(r"[0-9a-f]{32}")
SALT = re.compile(rb"[0-9a-f]{64}")
SHORTEST = 7  #: digits that may be a phone


@dataclass(frozen=True)
class Privacy:
    """
    What of a callback is stored.

    Attributes
    ----------
    key : bytes
        Makes pseudonyms of phones; empty to store them as they are.
    keep_texts : bool
        Whether the texts of incoming SMS are stored.
    """

    key: bytes = field(default=b"", repr=False)
    keep_texts: bool = True

    @property
    def keeps_bodies(self) -> bool:
        """Whether refused callbacks are stored with their bodies, which hold phones and texts."""
        return self.keep_texts and not self.key

    def prepare(self, connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
        """
        Hand a connection what `applied` needs.

        Raises
        ------
        StoreError
            If the phones of this store are pseudonyms already, and not by this key; or a file that says so is damaged.
        """
        self._prove(layout)
        key = self.key
        if not self.keep_texts and not key:
            key = _salt(layout)
        if key:
            block = (key if len(key) <= BLOCK else hashlib.sha256(key).digest()).ljust(BLOCK, b"\0")
            for name, pad in (("inner_key", 0x36), ("outer_key", 0x5C)):
                connection.execute(f"SET VARIABLE {name} = ?::BLOB", [bytes(byte ^ pad for byte in block)])

    def pseudonym(self, phone: str) -> str:
        """
        What stands in the place of a phone, given as it would be stored: in digits, or an address in lower case.

        Examples
        --------
        >>> Privacy(b"an-example-of-a-key-2026").pseudonym("79001230001")
        'p5eaae81a65470db90b9ecd932af61d10'
        """
        return "p" + hmac.digest(self.key, phone.encode(), "sha256").hex()[:LENGTH]

    def applied(self, table: str, rows: str) -> str:
        """The query that takes out of the typed rows of a table what is not to be stored."""
        if table == "rejected":
            return rows if self.keeps_bodies else f"SELECT * REPLACE (NULL::BLOB AS body) FROM ({rows})"
        if table == "incoming" and not self.keep_texts:
            rows = _without_texts(rows)
        if not self.key:
            return rows
        replaced = f"CASE WHEN phone <> '' THEN 'p' || {_keyed('phone')} ELSE phone END AS phone"
        if table in ("sends", "confirmation_requests"):
            return f"SELECT * REPLACE ({replaced}) FROM ({rows})"
        return f"SELECT * REPLACE ({replaced}, {_without_phone('extra')} AS extra) FROM ({rows})"

    def _prove(self, layout: Layout) -> None:
        path = layout.data / "privacy.json"
        print_of_key = hmac.digest(self.key, b"which key this is", "sha256").hex()[:LENGTH] if self.key else None
        if path.exists():
            if _print_in(path) != print_of_key:
                raise StoreError(
                    f"the phones of this store are pseudonyms ({path}) by another pseudonym_key than the one that is "
                    "set, or none is set; set that key: nothing is lost meanwhile, and nothing is published"
                )
        elif print_of_key:
            atomic.replace(path, orjson.dumps({"pseudonym_key": print_of_key}))


def _print_in(path: Path) -> str:
    try:
        found = orjson.loads(path.read_bytes())["pseudonym_key"]
        if PRINT.fullmatch(found):
            return str(found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise StoreError(
        f"{path} cannot be read as what says by which key the phones of this store became pseudonyms; put it back from "
        "a backup, or, if you know that the pseudonym_key that is set is that key, remove it: it is made again. "
        "Until then nothing is published, and nothing is lost"
    ) from None


def _salt(layout: Layout) -> bytes:
    """What the digests of texts of this store begin with, where no key is set; made once."""
    path = layout.data / "texts.salt"
    if not path.exists():
        atomic.replace(path, os.urandom(32).hex().encode())
    with contextlib.suppress(OSError):
        if SALT.fullmatch(salt := path.read_bytes().strip()):
            return salt
    raise StoreError(
        f"{path} cannot be read as the 64 hex digits that digests of texts begin with; put it back from a backup, or "
        "remove it: another is made, and a text that comes again counts as a new one then. Until then nothing is "
        "published, and nothing is lost"
    )


def _keyed(text: str) -> str:
    """The hex digits of a keyed digest of a text, as SQL."""
    inner = f"unhex(sha256(getvariable('inner_key') || encode({text})))"
    return f"left(sha256(getvariable('outer_key') || {inner}), {LENGTH})"


def _without_texts(rows: str) -> str:
    kept = "list_filter(map_entries(extra), lambda one: one.key <> 'raw_text' AND one.value IS DISTINCT FROM text)"
    digest = _keyed("'text ' || coalesce(text, '')")  # apart from phones, which have no blank
    rest = f"map_from_entries(list_append({kept}, {{'key': '{DIGEST}', 'value': {digest}}}))"
    return f"SELECT * REPLACE (NULL::VARCHAR AS text, {rest} AS extra) FROM ({rows})"


def _without_phone(extra: str) -> str:
    """`extra` without the values that hold the row's phone, however it is spelled there, or bytes that are no text."""
    own = f"""CASE WHEN contains(phone, '@') THEN phone WHEN length(phone) < {SHORTEST} THEN '?' || phone
        WHEN regexp_full_match(phone, '[78][0-9]{{10}}') THEN right(phone, 10) ELSE phone END"""
    holds = f"""one.key = 'phone' OR starts_with(one.key, 'raw_') OR contains(lower(one.value), {own})
        OR contains(regexp_replace(one.value, '[^0-9]', '', 'g'), {own})"""
    return f"map_from_entries(list_filter(map_entries({extra}), lambda one: NOT coalesce({holds}, false)))"
