"""One POST → its verified callbacks: the one order of reading, telling, shaping, verifying and naming."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from smsanalytics.errors import BadSignature, MisshapenCallback
from smsanalytics.wire.body import Fields, parse, remember
from smsanalytics.wire.call import CallFields
from smsanalytics.wire.kind import SIGNED, Kind, check_shape, kind_of
from smsanalytics.wire.names import rename
from smsanalytics.wire.percent import unquoted
from smsanalytics.wire.signature import CHARSETS, CONTROL, verify

DEFAULT_CHARSET = "windows-1251"


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

    def masked(self, body: bytes) -> bytes:
        """
        A body without the secrets it may hold, in clear or percent-encoded.

        Examples
        --------
        >>> Terms({"2025": b"s3cret", "2026": b"s3cret-Key"}).masked(b"id=1&note=s3cret-Key&md5=%733cret")
        b'id=1&note=***&md5=***'
        """
        secrets = sorted(self.secrets.values(), key=len, reverse=True)
        masked = _replaced(body, secrets)
        decoded = unquoted(masked)
        return _replaced(decoded, secrets) if any(secret in decoded for secret in secrets) else masked


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
        told = _read_event(form, _codec(form, terms), terms)
        remember(body)
        return told
    return [one for event in found.events for one in _read_event(event, found.charset, terms)]


def _read_event(fields: Fields, charset: str, terms: Terms) -> list[Callback]:
    """What a set of fields tells of: a signed status that also has keys pressed in a voice menu tells of two things."""
    call = terms.call_events
    kind = kind_of(fields, keys=call.keys if call else None)
    if kind is Kind.CALL and call is not None:
        call.check(fields)
        signed_by, key = _claimed(fields, charset, terms)
    else:
        check_shape(kind, fields, inbound_numbers=terms.inbound_numbers)
        signed_by, key = "none", ""
        if terms.secrets:
            signed_by, key = verify(kind, fields, secrets=terms.secrets, algorithms=terms.algorithms, charset=charset)
    everything = b"\n".join(fields.values())
    for secret in terms.secrets.values():
        if secret in everything:  # somebody put it into a parameter of their own
            for name in fields.keys() - CONTROL - set(SIGNED[kind]):
                fields[name] = terms.masked(fields[name])
    names = call.ours if kind is Kind.CALL and call is not None else None
    told = [Callback(kind, signed_by, key, *rename(kind, fields, charset=charset, names=names))]
    if kind is Kind.STATUS and call is not None and _tells_of(call, fields):
        told.append(Callback(Kind.CALL, signed_by, key, *rename(Kind.CALL, fields, charset=charset, names=call.ours)))
    return told


def _claimed(fields: Fields, charset: str, terms: Terms) -> tuple[str, str]:
    """By what a call is signed, should it be as a status is, with what did not come as empty: nobody documents it."""
    signed: Fields = dict.fromkeys(SIGNED[Kind.STATUS], b"") | fields
    try:
        return verify(Kind.STATUS, signed, secrets=terms.secrets, algorithms=terms.algorithms, charset=charset)
    except BadSignature:
        return "none", ""


def _tells_of(call: CallFields, fields: Fields) -> bool:
    try:
        call.check(fields)
    except MisshapenCallback:
        return False
    return True


def _replaced(text: bytes, secrets: Iterable[bytes]) -> bytes:
    for secret in secrets:
        text = text.replace(secret, b"***")
    return text


def _codec(fields: Fields, terms: Terms) -> str:
    said = terms.charset
    if said is None and "charset" in fields:
        said = fields["charset"].decode("ascii", "replace").lower()
    return CHARSETS.get(said or DEFAULT_CHARSET, CHARSETS[DEFAULT_CHARSET])
