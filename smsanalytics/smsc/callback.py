"""One POST → its verified callbacks: the one order of reading, telling, shaping, verifying and naming."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from smsanalytics.codes.encodings import decodings
from smsanalytics.errors import MisshapenCallback
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.fields import rename
from smsanalytics.smsc.kinds import SIGNED, Kind, check_shape, kind_of
from smsanalytics.smsc.parser import Fields, parse
from smsanalytics.smsc.signature import CHARSETS, CONTROL, verify

DEFAULT_CHARSET = "windows-1251"
MASK = b"***"
MASKABLE = {"mes"}  #: of what is signed: the others have shapes of their own
_ENCODES = b"%&\\\0<"  # each looked for as a number, which is several times quicker than a pattern


@dataclass(frozen=True)
class Terms:
    """
    What an account demands of a callback.

    Attributes
    ----------
    secrets : mapping of str to bytes
        Label to secret. Empty: callbacks are accepted unverified, and say so in ``signed_by``.
    algorithms : tuple of str
        Hashes that must all come and match; empty for "whichever of md5 and sha1 came".
    charset : str or None
        ``windows-1251``, ``utf-8`` or ``koi8-r``; None to believe an echoed ``charset``, else windows-1251.
    inbound_numbers : frozenset of bytes
        The account's receiving numbers in digits.
    call_events : CallFields or None
        How the fields of keys pressed in a voice menu are called; None to refuse such callbacks.
    """

    secrets: Mapping[str, bytes] = field(repr=False)
    algorithms: tuple[str, ...] = ()
    charset: str | None = None
    inbound_numbers: frozenset[bytes] = frozenset()
    call_events: CallFields | None = None

    def holds_secret(self, content: bytes) -> bool:
        """
        Tell whether a secret is in something as received, in clear or in encodings that a parser undoes.

        Examples
        --------
        >>> Terms({"2026": b"s3cret-Key"}).holds_secret(b"<s3cret<!-- -->-Key/>")
        True
        """
        secrets = self.secrets.values()
        if any(secret in content for secret in secrets):
            return True
        if not any(mark in content for mark in _ENCODES):
            return False
        texts = [secret.decode("latin-1") for secret in secrets]
        return any(text in decoded for decoded in decodings(content.decode("latin-1")) for text in texts)

    def masked(self, content: bytes) -> bytes:
        """
        Mask the secrets in something as received; where they stand, or all of it if they stand in pieces.

        Examples
        --------
        >>> terms = Terms({"2025": b"s3cret", "2026": b"s3cret-Key"})
        >>> terms.masked(b"id=1&note=s3cret-Key&md5=%733cret")
        b'id=1&note=***&md5=***'
        >>> terms.masked(b"<s3<!-- -->cret/>")
        b'***'
        """
        for secret in sorted(self.secrets.values(), key=len, reverse=True):
            content = content.replace(secret, MASK)
        if not self.holds_secret(content):
            return content
        for secret in sorted(self.secrets.values(), key=len, reverse=True):
            content = _spelled(secret).sub(MASK, content)
        return MASK if self.holds_secret(content) else content


@dataclass(slots=True)
class Callback:
    """
    One verified event.

    Attributes
    ----------
    kind : Kind
        What it is.
    signed_by, key : str
        The algorithms that matched and the label of the secret that made them; ``none`` and empty when unverified.
    fields : dict of str to str
        Texts under our column names.
    extra : dict of str to str
        Texts of fields without a column, under the provider's names.
    """

    kind: Kind
    signed_by: str
    key: str
    fields: dict[str, str] = field(repr=False)
    extra: dict[str, str] = field(repr=False)


def read(body: bytes, terms: Terms) -> list[Callback]:
    """
    Read and verify every event of a body.

    Parameters
    ----------
    body : bytes
        As received.
    terms : Terms
        Of the account it was sent to.

    Returns
    -------
    list of Callback
        All of them, or none: one refused event refuses the body.

    Raises
    ------
    MalformedCallback, MisshapenCallback, BadSignature
        See each.

    Examples
    --------
    >>> body = b"id=1042&phone=79001234567&status=1&ts=1700000000&md5=529e4edfd6671fb287868a25d8c79696"
    >>> [callback] = read(body, Terms({"2026": b"s3cret_Key-1"}))
    >>> callback.kind, callback.signed_by, callback.key
    (<Kind.STATUS: 'status'>, 'md5', '2026')
    >>> callback.fields
    {'message_id': '1042', 'phone': '79001234567', 'status': '1', 'status_at': '1700000000'}
    """
    found = parse(body, CHARSETS[terms.charset or DEFAULT_CHARSET])
    if found.charset is None:
        [form] = found.events
        return _read_event(form, _codec(form, terms), terms)
    return [one for event in found.events for one in _read_event(event, found.charset, terms)]


def _read_event(fields: Fields, charset: str, terms: Terms) -> list[Callback]:
    """What a set of fields tells of: a signed status that also has keys pressed in a voice menu tells of two things."""
    call = terms.call_events
    kind = kind_of(fields, keys=call.keys if call else None)
    signed_by, key = "none", ""  # as of each call: no hash that is known covers the keys
    if kind is Kind.CALL and call is not None:
        call.check(fields)
    else:
        check_shape(kind, fields, inbound_numbers=terms.inbound_numbers)
        if terms.secrets:
            signed_by, key = verify(kind, fields, secrets=terms.secrets, algorithms=terms.algorithms, charset=charset)
    if terms.holds_secret(b"\n".join([*fields.values(), "\n".join(fields).encode()])):
        fields = _masked(fields, kind, terms)  # somebody put it into a parameter of their own
    names = call.ours if kind is Kind.CALL and call is not None else None
    callbacks = [Callback(kind, signed_by, key, *rename(kind, fields, charset=charset, names=names))]
    if kind is Kind.STATUS and call is not None:
        with contextlib.suppress(MisshapenCallback):
            call.check(fields)
            callbacks.append(
                Callback(Kind.CALL, "none", "", *rename(Kind.CALL, fields, charset=charset, names=call.ours))
            )
    return callbacks


def _masked(fields: Fields, kind: Kind, terms: Terms) -> Fields:
    kept = CONTROL.union(SIGNED[kind]) - MASKABLE
    return {
        name if name in kept else terms.masked(name.encode()).decode(): value if name in kept else terms.masked(value)
        for name, value in fields.items()
    }


@functools.lru_cache(256)
def _spelled(secret: bytes) -> re.Pattern[bytes]:
    """Finds a secret of which single characters are encoded."""
    return re.compile(
        b"".join(
            rb"(?:%s|(?i:%%(?:25)*+%02x|\\u00%02x|&#0*+%d;|&#x0*+%x;))" % (re.escape(bytes([one])), one, one, one, one)
            for one in secret
        )
    )


def _codec(fields: Fields, terms: Terms) -> str:
    named = terms.charset or fields.get("charset", b"").decode("ascii", "replace").lower()
    return CHARSETS.get(named, CHARSETS[DEFAULT_CHARSET])
