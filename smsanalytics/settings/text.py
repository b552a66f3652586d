"""Small files that people write by hand: their text, whichever editor saved them."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from smsanalytics.errors import SettingsError

LARGEST = 2**20  #: of a file that a person wrote [bytes]
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read(path: Path) -> str:
    """
    The text of a file in UTF-8, or in UTF-16 with a byte order mark, which is no part of the text.

    Raises
    ------
    SettingsError
        If it cannot be read, or is in another encoding: that is not guessed. Nothing of the content is quoted.

    Examples
    --------
    >>> file = getfixture("tmp_path") / "secret.txt"
    >>> _ = file.write_text("s3cret_Key-1", "utf-16")
    >>> read(file)
    's3cret_Key-1'
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from None
    if len(content) > LARGEST:
        raise SettingsError(f"{path} is larger than {LARGEST} bytes; is it the right file?")
    mark = next((mark for mark in MARKS if content.startswith(mark)), b"")
    try:
        text = content.removeprefix(mark).decode(MARKS.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        if MARKS.get(mark, "utf-8") != "utf-8":
            raise SettingsError(f"{path} begins as UTF-16 and is cut off or damaged; save it again, as UTF-8") from None
        before = error.object[: error.start].decode().split("\n")
        place = f"{path}, line {len(before)}, column {len(before[-1]) + 1}"
        raise SettingsError(f"{place}: this is not UTF-8 (is it windows-1251?); save the file as UTF-8") from None
    if "\0" in text:
        raise SettingsError(f"{path} has zero bytes: UTF-16 without its mark, or damaged; save it again, as UTF-8")
    return text


def word(path: Path) -> str:
    """
    What a file holds that is for a secret, a token or a password, without spaces and line ends around it.

    Raises
    ------
    SettingsError
        As `read`, and if nothing is in it.

    Examples
    --------
    >>> file = getfixture("tmp_path") / "secret.txt"
    >>> _ = file.write_bytes(b" s3cret_Key-1 \\r\\n")
    >>> word(file)
    's3cret_Key-1'
    """
    found = read(path).strip()
    if not found:
        raise SettingsError(f"{path} is empty; write into it what it is to hold, on one line")
    return found
