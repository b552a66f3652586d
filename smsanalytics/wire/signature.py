"""The provider's control values: does a configured secret make the hash that came?"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from smsanalytics.errors import BadSignature
from smsanalytics.wire.kind import SIGNED, Kind

DIGESTS = {"md5": hashlib.md5, "sha1": hashlib.sha1}
CONTROL = frozenset({"md5", "sha1", "crc32"})  #: fields that are about the callback, not of it: dropped once verified


def verify(
    kind: Kind, fields: Mapping[str, bytes], *, secrets: Mapping[str, bytes], algorithms: Sequence[str] = ()
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
    demanded = list(algorithms) or [name for name in DIGESTS if name in fields]
    if not demanded:
        raise BadSignature("no md5 or sha1 came; is one in the handler address set at the provider?")
    if absent := [name for name in demanded if name not in fields]:
        raise BadSignature(f"parameter {absent[0]} did not come; is it in the handler address set at the provider?")
    signed = [fields[name] for name in SIGNED[kind]]
    for label, secret in secrets.items():
        text = b":".join([*signed, secret])
        made = {name: DIGESTS[name](text).hexdigest().encode() for name in demanded}
        same = [hmac.compare_digest(made[name], fields[name].lower()) for name in demanded]
        if all(same):
            return "+".join(demanded), label
    raise BadSignature("none of the configured secrets made this hash")
