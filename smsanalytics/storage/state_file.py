"""Small files that say what counts: JSON with a checksum, so that a damaged one is never taken for true."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson


def encoded(content: Mapping[str, Any]) -> bytes:
    """
    Encode the content of a state file.

    Examples
    --------
    >>> decoded(encoded({"kept_from": {"statuses": "2026-11-01"}}))
    {'kept_from': {'statuses': '2026-11-01'}}
    """
    return _dumped({**content, "checksum": _checksum(content)})


def decoded(text: bytes, *, required: bool = True) -> dict[str, Any]:
    """
    Decode a state file; without its checksum it may be one of an older version, unless it is `required`.

    Raises
    ------
    ValueError
        If it is no JSON object, or its checksum is that of other content.

    Examples
    --------
    >>> decoded(encoded({"kept_from": {"statuses": "2026-11-01"}}).replace(b"11-01", b"11-28"))
    Traceback (most recent call last):
    ValueError: the checksum is that of other content
    """
    content = orjson.loads(text)
    if not isinstance(content, dict):
        raise ValueError("needed a JSON object")
    checksum = content.pop("checksum", None)
    if (checksum is None and required) or (checksum is not None and checksum != _checksum(content)):
        raise ValueError("the checksum is that of other content")
    return content


def _dumped(content: Mapping[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def _checksum(content: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(_dumped(content)):08x}"
