"""
One number, found and struck out however it is spelled.

A text is brought into a normal form first: digits of all scripts become those of ASCII, and what is not seen is left
out. There a number is its digits, with up to four signs that are neither letters nor digits between two of them.
Bytes are read in every way in which a sender may have encoded them, down to a bounded depth.
"""

from __future__ import annotations

import base64
import functools
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Self

from smsanalytics.codes.encodings import decodings, unquoted
from smsanalytics.errors import MalformedRecord
from smsanalytics.storage.ingest import PHONE
from smsanalytics.storage.pseudonyms import Privacy

STRUCK = "***"  #: stands where somebody else's text named the number
BETWEEN = r"[\W_]{0,4}"  #: two digits, where a person writes them
SAFE_LENGTH = 10  #: digits from which on a longer number that holds them is struck as well
DEPTH = 3  #: of base64, hex and quoted-printable within one another
RUSSIAN = re.compile(r"[78][0-9]{10}")
SENDER = re.compile(r"[0-9A-Za-z+._-]{1,15}")  #: of incoming SMS, as the wire lets them through
LEAST = 7  #: signs that something encoded must have
MOBILE = re.compile(r"9[0-9]{9}")  #: the same without what is dialled before it
UNSEEN = {"Cf", "Mn", "Me"}  #: of signs that leave no room: zero-width ones, soft hyphens, marks on others
FILLERS = "\u115f\u1160\u3164\uffa0"  #: are letters, and not seen either
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
TEXT = rb"[ -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}"  #: one sign in UTF-8
HALVES = rb"[\0-\xff][\0\x06\x20\x22\xd8\xdf\xff]"  #: one of those signs that may be digits or between, in UTF-16
DIGITS = rb"[0-9][^0-9A-Za-z]{0,4}"  #: one in any other charset, and what follows it
READABLE = re.compile(rb"(?:%s){7}|(?:%s){7}|(?:%s){7}" % (TEXT, HALVES, DIGITS))  #: is decoded further
PRINTABLE = re.compile(r"=(?:3[0-9]|[C-Fc-f][0-9A-Fa-f]=|\r?\n)")
ENCODED = (  #: for DuckDB: what may hold it though its digits are not there
    r"[^\x00-\x7F\x{400}-\x{4FF}\x{2010}-\x{2027}\x{AB}\x{BB}\x{2116}]|"  # beside what Russian texts are made of
    r"%[0-9A-Fa-f]{2}|&[#A-Za-z]|\\|<[!?]|=(?:3[0-9]|[C-Fc-f]|\r?\n)"
)


class _Folding(dict[int, str]):
    """Sign to its normal form, made when it is met first."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        digit = unicodedata.digit(sign, None)
        if unicodedata.category(sign) in UNSEEN or sign in FILLERS:
            folded = ""
        else:
            folded = unicodedata.normalize("NFKC", sign) if digit is None else str(digit)
        self[code] = folded
        return folded


_FOLDING = _Folding()


@dataclass(frozen=True)
class Number:
    """
    A number in all the ways in which a store may hold it.

    Attributes
    ----------
    phones : tuple of str
        What a column of phones may hold.
    core : str
        What every spelling has, in normal form, without what is between.
    is_named : bool
        Whether it is no number: an address, a name, or a short code that is found as a sender only.
    """

    phones: tuple[str, ...] = field(repr=False)
    core: str = field(repr=False)
    _pattern: re.Pattern[str] = field(repr=False)
    _tokens: tuple[str, ...] = field(repr=False)
    is_named: bool = field(repr=False)

    @classmethod
    def of(cls, phone: str, privacy: Privacy) -> Self:
        """
        Read a number as people write it.

        Raises
        ------
        MalformedRecord
            If it is neither a number of 7 to 15 digits, nor an address, nor a short code or name of a sender.

        Examples
        --------
        >>> number = Number.of("8 (900) 123-00-01", Privacy())
        >>> number.phones
        ('79001230001', '89001230001', '9001230001')
        >>> number
        Number()
        """
        text = phone if re.search("[@#]", phone) else re.sub(r"[ ().-]", "", phone)
        if not PHONE.fullmatch(text):
            return cls._of_sender(phone, privacy)
        text = text.lower().removeprefix("+")
        if MOBILE.fullmatch(text):
            text = f"7{text}"
        phones = [f"{first}{text[1:]}" for first in ("7", "8", "")] if RUSSIAN.fullmatch(text) else [text]
        core = text[1:] if len(phones) > 1 else text
        named = "@" in text or text.startswith("#")
        if named:
            of_messenger = text.startswith(("@", "#"))  # and no part of an e-mail address
            pattern = rf"(?i:\B{re.escape(text)}\b)" if of_messenger else f"(?i:{re.escape(text)})"
        else:
            before = rf"(?:[78]{BETWEEN})?" if len(phones) > 1 else ""
            pattern = rf"\+?{before}{BETWEEN.join(core)}"
            if len(core) < SAFE_LENGTH:
                pattern = rf"(?<![^\W_]){pattern}(?![^\W_])"
        tokens = tuple(privacy.pseudonym(one) for one in phones) if privacy.key else ()
        pattern = "|".join([pattern, *tokens])
        return cls((*phones, *tokens), core, re.compile(pattern), tokens, named)

    @classmethod
    def _of_sender(cls, name: str, privacy: Privacy) -> Self:
        """A short code or a name: it goes as a sender only, for in a text ``900`` is any number."""
        if not SENDER.fullmatch(name):
            raise MalformedRecord(
                "needed a number of 7 to 15 digits, an address, an @name or #id of a messenger, "
                "or a short code or name that incoming SMS are from"
            )
        phone = name.lower()
        phone = phone.removeprefix("+") if phone.removeprefix("+").isdigit() else phone
        tokens = (privacy.pseudonym(phone),) if privacy.key else ()
        as_field = rf'\bphone(?:=|"\s*:\s*"?|>)\+?(?i:{re.escape(phone)})(?:[^0-9A-Za-z+._-]|$)'
        return cls((phone, *tokens), phone, re.compile("|".join([as_field, *tokens])), tokens, True)

    def is_among(self, numbers: Collection[str]) -> bool:
        """Whether it is one of some numbers."""
        return not set(self.phones).isdisjoint(numbers)

    @property
    def candidate(self) -> str:
        """Finds with DuckDB what may hold it though its digits are not there one after the other."""
        hexed = "(?:[0-9A-Fa-f]{2}){0,12}".join(f"(?:{ord(one):02x}|{ord(one):02X})" for one in self.core)
        return rf"{ENCODED}|[A-Za-z][A-Za-z0-9+/_-]{{{self._least * 4 // 3 - 4},}}|{hexed}"

    @property
    def _least(self) -> int:
        return max(len(self.core), LEAST)

    def mentioned(self, content: bytes, depth: int = DEPTH) -> bool:
        """
        Whether it is in something as received, in whatever encoding it came.

        Examples
        --------
        >>> number = Number.of("79001230001", Privacy())
        >>> number.mentioned(b"phone=%2B79001230001&mes=hello"), number.mentioned(b"phone=79001230002")
        (True, False)
        """
        for text in _texts(content):
            for layer in decodings(text):
                if self._is_in(layer):
                    return True
                if depth and any(self.mentioned(inside, depth - 1) for inside in _inside(layer, self._least)):
                    return True
        return False

    def struck(self, text: str) -> str | None:
        """
        Strike it out of a text; None if it is there and has no place in it, as in base64.

        Examples
        --------
        >>> number = Number.of("79001230001", Privacy())
        >>> number.struck("Call 8 (900) 123-00-01, or me"), number.struck("NzkwMDEyMzAwMDE=")
        ('Call ***, or me', None)
        """
        if self._is_in(text):
            pieces = [_FOLDING[ord(sign)] for sign in text]
            at = [number for number, piece in enumerate(pieces) for _ in piece]
            end, kept = 0, []
            for found in self._pattern.finditer("".join(pieces)):
                kept += [text[end : at[found.start()]], STRUCK]
                end = at[found.end() - 1] + 1
            text = "".join([*kept, text[end:]])
        return None if self.mentioned(text.encode("utf-8", "replace")) else text

    def _is_in(self, text: str) -> bool:
        folded = text if text.isascii() else text.translate(_FOLDING)
        if self.is_named:
            may = self.core in folded.lower()
        else:
            may = self.core.encode() in folded.encode("ascii", "ignore").translate(None, NO_DIGITS)
        return (may or any(token in folded for token in self._tokens)) and bool(self._pattern.search(folded))


def _texts(content: bytes) -> Iterator[str]:
    """What bytes may be as a text; a byte that is none in UTF-8 is a sign between digits in any other charset."""
    yield content.decode("utf-8", "replace")
    if b"\0" in content or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield content.decode("utf-16-le", "replace")
        yield content.decode("utf-16-be", "replace")


def _inside(text: str, least: int) -> Iterator[bytes]:
    """What is in a text as quoted-printable, hex and base64, wherever each begins, if that may be so many signs."""
    if PRINTABLE.search(text):
        plain = re.sub(r"=([0-9A-Fa-f]{2})", r"%\1", re.sub(r"=\r?\n", "", text.replace("%", "%25")))
        yield unquoted(plain).encode("utf-8", "replace")
    hexed, based = _runs(least)
    for found in hexed.findall(text):
        for start in (0, 1):
            yield from _readable(bytes.fromhex(found[start : start + (len(found) - start) // 2 * 2]))
    for found in based.findall(re.sub(r"\r?\n[ \t]*", "", text) if "\n" in text else text):
        if not found.isdigit():
            for start in range(4):
                run = found[start : len(found) - ((len(found) - start) % 4 == 1)]
                alphabet = b"-_" if {*"-_"} & {*run} else None
                yield from _readable(base64.b64decode(run + "=" * (-len(run) % 4), alphabet))


def _readable(content: bytes) -> Iterator[bytes]:
    if READABLE.search(content):
        yield content


@functools.cache
def _runs(least: int) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Find what may be so many signs in hex and in base64."""
    return re.compile(f"[0-9A-Fa-f]{{{least * 2},}}"), re.compile(f"[A-Za-z0-9+/_-]{{{least * 4 // 3},}}")
