"""The provider's control values: does a configured secret make the hash that came?"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

from smsanalytics.errors import BadSignature
from smsanalytics.smsc.kinds import SIGNED, Kind

CHARSETS = {"windows-1251": "cp1251", "utf-8": "utf-8", "koi8-r": "koi8-r"}
CONTROL = frozenset({"md5", "sha1", "crc32"})  #: fields that are about the callback, not of it: dropped once verified
TRUSTED = ("md5", "sha1")  #: count without being demanded; crc32 can be forged from one captured callback


def _crc32(text: bytes) -> Sequence[bytes]:
    """Every notation the provider might use; which it does is not documented."""
    unsigned = zlib.crc32(text)
    signed = unsigned - 2**32 if unsigned >= 2**31 else unsigned
    return b"%d" % unsigned, b"%d" % signed, b"%08x" % unsigned, b"%x" % unsigned


HASHES: dict[str, Callable[[bytes], Sequence[bytes]]] = {
    "md5": lambda text: (hashlib.md5(text, usedforsecurity=False).hexdigest().encode(),),
    "sha1": lambda text: (hashlib.sha1(text, usedforsecurity=False).hexdigest().encode(),),
    "crc32": _crc32,
}


def verify(
    kind: Kind,
    fields: Mapping[str, bytes],
    *,
    secrets: Mapping[str, bytes],
    algorithms: Sequence[str] = (),
    charset: str = "utf-8",
) -> tuple[str, str]:
    """
    Tell by which algorithms and by which secret a callback is signed, or refuse it.

    Parameters
    ----------
    kind : Kind
        Says which fields were hashed.
    fields : mapping of str to bytes
        As received: the hash is of these very bytes.
    secrets : mapping of str to bytes
        Label to secret; several while a secret is being rotated.
    algorithms : sequence of str
        What the account demands: then all must have come and match. Without it, whichever of md5 and sha1 came.
    charset : str
        Of the values. Where their own bytes do not verify, those of the same text in the other charsets are tried:
        which ones the provider hashes is not documented, and each attempt needs the secret.

    Returns
    -------
    signed_by : str
        The algorithms that matched, joined by "+".
    key : str
        The label of the secret that made them.

    Raises
    ------
    BadSignature
        If a demanded hash did not come, none came, or no secret made all of them. In one way, whatever was wrong.

    Examples
    --------
    >>> status = {"id": b"1042", "phone": b"79001234567", "status": b"1", "md5": b"529e4edfd6671fb287868a25d8c79696"}
    >>> verify(Kind.STATUS, status, secrets={"2026": b"s3cret_Key-1"})
    ('md5', '2026')
    """
    claims = [(name, fields[name].lower()) for name in algorithms or TRUSTED if name in fields]
    if len(claims) < len(algorithms):
        absent = next(name for name in algorithms if name not in fields)
        raise BadSignature(f"parameter {absent} did not come; is it in the handler address set at the provider?")
    if not claims:
        raise BadSignature("no md5 or sha1 came; is one in the handler address set at the provider?")
    for signed in _encodings(b":".join([fields[name] for name in SIGNED[kind]]), charset):
        for label, secret in secrets.items():
            if _is_made(claims, signed + b":" + secret):
                return "+".join([name for name, _ in claims]), label
    raise BadSignature("none of the configured secrets made this hash")


def _is_made(claims: Sequence[tuple[str, bytes]], text: bytes) -> bool:
    """Whether each hash is that of a text; all are looked at, so that the time taken tells nothing."""
    made = 0
    for name, claimed in claims:
        fits = False
        for notation in HASHES[name](text):
            fits |= hmac.compare_digest(notation, claimed)
        made += fits
    return made == len(claims)


def _encodings(signed: bytes, charset: str) -> Iterator[bytes]:
    """The bytes that came, and then the same text in the other charsets."""
    yield signed
    if signed.isascii():
        return
    for other in CHARSETS.values():
        with contextlib.suppress(UnicodeError):
            if (encoded := signed.decode(charset).encode(other)) != signed:
                yield encoded
