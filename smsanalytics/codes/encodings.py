"""A text with what encodes it undone: percent signs, XML and JSON escapes, comments; in linear time, whatever came."""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterator
from html.entities import html5

LAYERS = 5  #: of encodings within one another that are undone
_SPECIAL = re.compile(r"[%&\\\0]|<[!?]")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})++")  # possessive: it remembers no place to go back to
_REFERENCE = re.compile(r"&(?:#0*+([0-9]{1,7})|#[xX]0*+([0-9a-fA-F]{1,6})|([A-Za-z]{2,8}(?=;)));?")
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/]))')
_HIDDEN = (("<!--", "-->"), ("<?", "?>"))  # what a reader of XML does not see
_BORDERS = re.compile(r"<!\[CDATA\[|\]\]>|\0")  # and NUL, which half of a text in UTF-16 is
_SURROGATES = re.compile(r"[\ud800-\udfff]+")


def decodings(text: str) -> Iterator[str]:
    """
    Yield a text as it is, and then with one layer of encodings after the other undone.

    Parameters
    ----------
    text : str
        As received; bytes that are no text in any form.

    Examples
    --------
    >>> list(decodings("%2537&#57;<!-- -->0"))
    ['%2537&#57;<!-- -->0', '%3790', '790']
    >>> list(decodings("100 %"))
    ['100 %']
    """
    yield text
    for _ in range(LAYERS):
        if not _SPECIAL.search(text):
            return
        plain = _undone(text)
        if plain == text:
            return
        yield (text := plain)


def _undone(text: str) -> str:
    if "<" in text or "]" in text or "\0" in text:
        for begin, end in _HIDDEN:
            text = _without(text, begin, end)
        text = _BORDERS.sub("", text)
    if "\\" in text:
        text = _SURROGATES.sub(_joined, _ESCAPE.sub(_unescaped, text))
    if "&" in text:
        text = _REFERENCE.sub(_character, text)
    return unquoted(text) if "%" in text else text


def unquoted(text: str) -> str:
    """
    Undo percent-encoding, of UTF-8, in little memory; `urllib` makes a list of all signs.

    Examples
    --------
    >>> unquoted("%d9%a0 100%")
    '\u0660 100%'
    """
    return _PERCENT.sub(lambda run: unhexlify(run[0].replace("%", "")).decode("utf-8", "replace"), text)


def _without(text: str, begin: str, end: str) -> str:
    """Leave out what stands between two marks."""
    first, *others = text.split(begin)
    return first + "".join([one.partition(end)[2] for one in others])


def _character(found: re.Match[str]) -> str:
    decimal, hexadecimal, name = found.groups()
    if name:
        return html5.get(f"{name};", found[0])
    number = int(decimal) if decimal else int(hexadecimal, 16)
    return chr(number) if number < 0x110000 else found[0]


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else found[2]


def _joined(found: re.Match[str]) -> str:
    """A character beyond the first 65,536, which JSON writes as two."""
    return found[0].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
