"""
What a callback must be answered with, and what the store must hold of it.

Written once more from the protocol, and shares nothing with the package: forms, JSON and XML are read by hand here. Where
two readings would both be right, as at the very edge of a period, it says that it is `Unsure`.
"""

from __future__ import annotations

import codecs
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

BLANK = b" \t\n\r\x0b\x0c"
SIGNED = {"status": ("id", "phone", "status"), "incoming": ("phone", "mes", "to"), "confirmation": ("phone", "ts")}
CODECS = {"windows-1251": "cp1251", "utf-8": "utf-8", "koi8-r": "koi8-r"}
SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}  #: after a backslash in JSON
ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "apos": "'", "quot": '"'}
EDGE = 600  #: seconds around the edge of a period within which the moment of receipt decides


class Refused(Exception):
    """With 400 or 403; the reason is the word in the table `rejected`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = 403 if reason == "signature" else 400


class Unsure(Exception):
    """Not for this judge to say."""


@dataclass(frozen=True)
class Account:
    """What an account demands."""

    name: str = "default"
    secrets: Mapping[str, str] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ()
    charset: str | None = None
    zone: str = "Europe/Moscow"
    inbound_numbers: tuple[str, ...] = ()
    call: Mapping[str, str] = field(default_factory=dict)  #: keys, phone, message_id → the provider's names

    @property
    def codec(self) -> str:
        return CODECS[self.charset or "windows-1251"]


@dataclass(frozen=True)
class Verdict:
    """The answer; what is stored, as pairs of table and row; and the reason if nothing is."""

    status: int
    rows: tuple[tuple[str, dict[str, object]], ...] = ()
    reason: str = ""


def judge(body: bytes, account: Account, now: int) -> Verdict:
    """The verdict on a body that comes in at about `now`, in Unix seconds."""
    try:
        events, charset = read(body, account)
        told = [one for event in events for one in _told(event, charset or _charset(event, account), account)]
    except Refused as refused:
        return Verdict(refused.status, reason=refused.reason)
    return Verdict(200, tuple((TABLE[kind], ROW[kind](signed | texts, account, now)) for kind, signed, texts in told))


# From bytes to fields.


def read(body: bytes, account: Account) -> tuple[list[dict[str, bytes]], str | None]:
    """The events of a body, and the charset of their values where the body says it."""
    body = body.lstrip(BLANK).removeprefix(b"\xef\xbb\xbf").lstrip(BLANK)
    first = body[:1]
    if first == b"<":
        tree: object = Xml(body, account.codec).tree()
    elif first in (b"{", b"["):
        tree = Json(body, account.codec).tree()
    else:
        return [_once(_form(body))], None
    events = _events(tree)
    if not 1 <= len(events) <= 1000:
        raise Refused("malformed")
    try:
        for pairs in events:
            [name.encode() for name, _ in pairs]
        return [_once([(name, value.encode()) for name, value in pairs]) for pairs in events], "utf-8"
    except UnicodeEncodeError:  # half of a character
        raise Refused("malformed") from None


def _once(pairs: Sequence[tuple[str, bytes]]) -> dict[str, bytes]:
    fields: dict[str, bytes] = {}
    for name, value in pairs:
        if name in fields or len(pairs) > 200:
            raise Refused("malformed")
        fields[name] = value
    return fields


def _form(body: bytes) -> list[tuple[str, bytes]]:
    parts = [part for part in body.rstrip(b"\r\n").split(b"&") if part]
    if not parts or body.count(b"&") > 199:
        raise Refused("malformed")
    cut = [(part + b"=").split(b"=", 1) for part in parts]
    return [
        (
            "".join(chr(code) if code < 128 else f"\\x{code:02x}" for code in plain(name)),
            plain(value[:-1]),
        )
        for name, value in cut
    ]


def plain(text: bytes) -> bytes:
    """A text without its percent signs and pluses."""
    return re.sub(rb"%([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), text.replace(b"+", b" "))


def _events(node: object) -> list[list[tuple[str, str]]]:
    if isinstance(node, str):
        raise Refused("malformed")
    if isinstance(node, list):
        return [event for item in node for event in _events(item)]
    pairs = node["pairs"]
    here = [(name, value) for name, value in pairs if isinstance(value, str)]
    below = [event for _, value in pairs if not isinstance(value, str) for event in _events(value)]
    if all(isinstance(value, str) for _, value in pairs):
        return [here] if here else []
    if any(name in ("id", "phone", "status", "mes", "waitcall") for name, _ in here):
        return [here + [pair for event in below for pair in event]]
    return [here + event for event in below]


class Json:
    """JSON by the grammar, with NaN and the infinities, and with numbers as they are written."""

    TOKEN = re.compile(
        r'[ \t\n\r]*(?:([{}\[\],:])|"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"'
        r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|-?Infinity|NaN)|(true|false)|(null)|($))"
    )
    ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))')

    def __init__(self, body: bytes, codec: str) -> None:
        try:
            self.text = body.decode("utf-8")
        except UnicodeDecodeError:
            self.text = body.decode(codec, "replace")
        self.at = 0

    def tree(self) -> object:
        found = self.value(self.token(), 0)
        if self.token() != ("end", ""):
            raise Refused("malformed")
        return found

    def token(self) -> tuple[str, str]:
        found = self.TOKEN.match(self.text, self.at)
        if not found:
            raise Refused("malformed")
        self.at = found.end()
        mark, _, number, truth, null, _ = found.groups()
        if mark or number or truth:
            return ("mark", mark) if mark else ("text", number or truth)
        if null:
            return "text", ""
        if found[6] is not None:
            return "end", ""
        return "name", self.unescaped(found[0].lstrip(" \t\n\r")[1:-1])

    def unescaped(self, text: str) -> str:
        if "\\" not in text:
            return text
        halves = self.ESCAPE.sub(lambda one: chr(int(one[1], 16)) if one[1] else SHORT.get(one[2], one[2]), text)
        return halves.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def value(self, token: tuple[str, str], depth: int) -> object:
        if depth > 5:
            raise Refused("malformed")
        if token == ("mark", "{"):
            return {"pairs": list(self.members(depth + 1))}
        if token == ("mark", "["):
            return list(self.items(depth + 1))
        if token[0] in ("name", "text"):
            return token[1]
        raise Refused("malformed")

    def items(self, depth: int) -> Iterator[object]:
        token = self.token()
        while token != ("mark", "]"):
            yield self.value(token, depth)
            token = self.after("]")

    def members(self, depth: int) -> Iterator[tuple[str, object]]:
        token = self.token()
        while token != ("mark", "}"):
            if token[0] != "name" or self.token() != ("mark", ":"):
                raise Refused("malformed")
            yield token[1], self.value(self.token(), depth)
            token = self.after("}")

    def after(self, end: str) -> tuple[str, str]:
        """The first token after a comma, which is not the end; or the end."""
        token = self.token()
        if token == ("mark", end):
            return token
        following = self.token() if token == ("mark", ",") else ("mark", end)
        if following == ("mark", end):
            raise Refused("malformed")
        return following


class Xml:
    """XML without document types: elements, attributes, texts, references, CDATA, comments, instructions."""

    NAME = r"[A-Za-z_:][-A-Za-z0-9._:]*"
    DECLARATION = re.compile(
        r"<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:'[-A-Za-z0-9_.:]+'|\"[-A-Za-z0-9_.:]+\")"
        r"(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:'([A-Za-z][-A-Za-z0-9._]*)'|\"([A-Za-z][-A-Za-z0-9._]*)\"))?"
        r"(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:'(?:yes|no)'|\"(?:yes|no)\"))?[ \t\r\n]*\?>"
    )
    PIECE = re.compile(
        rf"<(?P<start>{NAME})(?P<attributes>(?:[ \t\n]+{NAME}[ \t\n]*=[ \t\n]*(?:'[^<']*'|\"[^<\"]*\"))*)[ \t\n]*(?P<empty>/?)>"
        rf"|</(?P<end>{NAME})[ \t\n]*>|<!\[CDATA\[(?P<cdata>(?s:.*?))\]\]>|<!--(?P<comment>(?s:.*?))-->"
        rf"|<\?(?P<target>{NAME})(?:[ \t\n](?s:.*?))?\?>|(?P<text>[^<]+)"
    )
    ATTRIBUTE = re.compile(rf"({NAME})[ \t\n]*=[ \t\n]*(?:'([^']*)'|\"([^\"]*)\")")
    TAG = re.compile(r"<(?:[^>'\"]|'[^'<]*'|\"[^\"<]*\")*")  # whose values may have the sign that ends it
    FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

    def __init__(self, body: bytes, codec: str) -> None:
        said = self.DECLARATION.match(body[:500].decode("latin-1"))
        named = said and (said[1] or said[2])
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            if b"encoding=" not in body[:200]:
                named = codec
            elif not named:
                raise Unsure("bytes of no charset that is told") from None
        self.text = self.decoded(body, named or "utf-8")
        self.text = self.text[self.DECLARATION.match(self.text).end() :] if said else self.text
        self.text = self.text.replace("\r\n", "\n").replace("\r", "\n")

    def decoded(self, body: bytes, named: str) -> str:
        try:
            codec = codecs.lookup(named).name
            if codec not in ("utf-8", "cp1251", "koi8-r", "ascii", "iso8859-1"):
                raise Unsure("a charset of its own")
            if codec == "utf-8" and named.lower() != codec and not body.isascii():  # it has one name
                raise Refused("malformed")
            text = body.decode(codec)
        except (LookupError, UnicodeDecodeError):
            raise Refused("malformed") from None
        if self.FORBIDDEN.search(text):
            raise Refused("malformed")
        return text

    def tree(self) -> object:
        """The root as the only pair of a node."""
        top: tuple[str, list[tuple[str, object]], list[str]] = ("", [], [])
        stack, at = [top], 0
        while at < len(self.text):
            piece = self.PIECE.match(self.text, at)
            if not piece:
                self.refuse(at)
            at = piece.end()
            if piece["start"]:
                self.open(stack, piece)
            if piece["end"] or piece["empty"]:
                self.close(stack, piece["end"] or piece["start"])
            elif piece["text"] is not None or piece["cdata"] is not None:
                self.texts(stack, piece)
            elif (piece["target"] or "").lower() == "xml" or self.dashed(piece["comment"]):
                raise Refused("malformed")
        if len(stack) > 1 or not top[1]:
            raise Refused("malformed")
        return {"pairs": top[1]}

    def refuse(self, at: int) -> None:
        """What is no piece is malformed, unless it may be a name in another alphabet."""
        tag = self.TAG.match(self.text, at)
        if tag and not tag[0].isascii():
            raise Unsure("a name of more than ASCII")
        raise Refused("malformed")

    def open(self, stack: list, piece: re.Match[str]) -> None:
        if len(stack) > 5 or (len(stack) == 1 and stack[0][1]):
            raise Refused("malformed")
        attributes = [
            (found[1], self.dereferenced(re.sub("[\t\n]", " ", found[2] or found[3] or "")))
            for found in self.ATTRIBUTE.finditer(piece["attributes"])
        ]
        if len(dict(attributes)) < len(attributes):
            raise Refused("malformed")
        stack.append((piece["start"], attributes, []))

    def close(self, stack: list, ended: str) -> None:
        name, pairs, texts = stack.pop()
        if name != ended or not stack:
            raise Refused("malformed")
        text = "".join(texts)
        if pairs and text.strip():
            pairs.append((name, text))
        stack[-1][1].append((name, {"pairs": pairs} if pairs else text))

    def texts(self, stack: list, piece: re.Match[str]) -> None:
        text = piece["cdata"]
        if text is None:
            if "]]>" in piece["text"]:
                raise Refused("malformed")
            text = self.dereferenced(piece["text"])
        if len(stack) == 1 and (piece["text"] is None or piece["text"].strip(" \t\n")):
            raise Refused("malformed")
        stack[-1][2].append(text)

    def dereferenced(self, text: str) -> str:
        return re.sub("&([^;&]*)(;?)", self.meant, text) if "&" in text else text

    def meant(self, reference: re.Match[str]) -> str:
        code = re.fullmatch("#(?:([0-9]+)|x([0-9a-fA-F]+))", reference[1])
        if not reference[2] or not (code or reference[1] in ENTITIES):
            raise Refused("malformed")
        if not code:
            return ENTITIES[reference[1]]
        number = int(code[1]) if code[1] else int(code[2], 16)
        if number > 0x10FFFF or self.FORBIDDEN.match(chr(number)):
            raise Refused("malformed")
        return chr(number)

    @staticmethod
    def dashed(comment: str | None) -> bool:
        return comment is not None and ("--" in comment or comment.endswith("-"))


# From fields to what they tell.


def kind_of(fields: Mapping[str, bytes], account: Account) -> str:
    if "mes" in fields:
        if "status" in fields:
            raise Refused("structure")
        return "incoming"
    if "waitcall" in fields:
        return "confirmation"
    return "call" if account.call and account.call["keys"] in fields and "status" not in fields else "status"


def _has_shape(name: str, value: bytes) -> bool:
    number = value.removeprefix(b"+")
    if name == "id":
        return value.isdigit() and len(value) <= 10 and int(value) < 2**31
    if name == "status":
        return (digits := value.removeprefix(b"-")).isdigit() and len(digits) <= 3
    if name == "ts":
        return value.isdigit() and len(value) in (9, 10)
    if name == "to":
        return number.isdigit() and 3 <= len(number) <= 15
    if name == "keys":
        return 1 <= len(value) <= 32 and not value.strip(b"0123456789*#")
    if name == "phone":
        left, at, right = value.partition(b"@")
        address = at and 1 <= len(left) <= 64 and 1 <= len(right) <= 255 and not set(left + right) & _NOT_IN_ADDRESS
        return bool(address) or (number.isdigit() and 7 <= len(number) <= 15)
    return True


LETTERS = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.-")


def _is_party(kind: str, fields: Mapping[str, bytes], numbers: Sequence[str]) -> bool:
    """Whether a phone that is none may be who is meant: somebody in a messenger, or a sender with a name."""
    phone = fields["phone"]
    if kind == "status":
        return phone[:1] in (b"@", b"#") and 1 <= len(phone[1:]) <= 64 and not set(phone[1:]) - LETTERS
    to = fields.get("to", b"").decode("latin-1").lstrip("+")
    certain = kind == "incoming" and to in numbers and len(to) >= 4
    return certain and 1 <= len(phone) <= 15 and not set(phone) - LETTERS - {ord("+")}


NOBODY = "none", ""  # no hash covers the keys of a menu
_NOT_IN_ADDRESS = {*range(33), ord(":"), ord("@"), 127}


def _told(
    fields: dict[str, bytes], charset: str, account: Account
) -> Iterator[tuple[str, dict[str, str], dict[str, object]]]:
    """Kind, by whom it is signed, and texts under our names of what a set of fields tells."""
    kind = kind_of(fields, account)
    if kind == "call":
        if not _tells_of_call(fields, account):
            raise Refused("structure")
        signed = NOBODY
    else:
        numbers = account.inbound_numbers
        for name in SIGNED[kind]:
            value = fields.get(name)
            if value is None or not (_has_shape(name, value) or (name == "phone" and _is_party(kind, fields, numbers))):
                raise Refused("structure")
        if kind == "incoming" and numbers and fields["to"].decode().removeprefix("+") not in numbers:
            raise Refused("structure")
        found = _signed(fields, kind, charset, account)
        if found is None:
            raise Refused("signature")
        signed = found
    fields = _masked(fields, kind, account)
    by = {"signed_by": signed[0], "key": signed[1]}
    yield kind, by, _named(fields, kind, charset, account)
    if kind == "status" and account.call and _tells_of_call(fields, account):
        yield "call", {"signed_by": NOBODY[0], "key": NOBODY[1]}, _named(fields, "call", charset, account)


def _tells_of_call(fields: Mapping[str, bytes], account: Account) -> bool:
    call = account.call
    return _has_shape("keys", fields.get(call["keys"], b"")) and all(
        _has_shape(shape, fields[call[ours]])
        for ours, shape in (("phone", "phone"), ("message_id", "id"))
        if call[ours] in fields
    )


def _signed(fields: Mapping[str, bytes], kind: str, charset: str, account: Account) -> tuple[str, str] | None:
    demanded = account.algorithms or tuple(name for name in ("md5", "sha1") if name in fields)
    if not demanded or any(name not in fields for name in demanded):
        return None
    for text in signed_texts(fields, kind, charset):
        for label, secret in account.secrets.items():
            if all(fields[name].lower() in made(name, text, secret) for name in demanded):
                return "+".join(demanded), label
    return None


def signed_texts(fields: Mapping[str, bytes], kind: str, charset: str) -> list[bytes]:
    """The bytes that may have been hashed, without the secret: as they came, and the same text in each charset."""
    came = b":".join(fields[name] for name in SIGNED[kind])
    texts = [came]
    for codec in () if came.isascii() else CODECS.values():
        try:
            texts.append(came.decode(charset).encode(codec))
        except UnicodeError:
            continue
    return texts


def made(algorithm: str, text: bytes, secret: str) -> list[bytes]:
    """The control values of a text; crc32 in each notation."""
    whole = text + b":" + secret.encode()
    if algorithm != "crc32":
        return [hashlib.new(algorithm, whole).hexdigest().encode()]
    crc = zlib.crc32(whole)
    return [b"%d" % crc, b"%d" % (crc - 2**32 if crc >> 31 else crc), b"%x" % crc, b"%08x" % crc]


def _masked(fields: dict[str, bytes], kind: str, account: Account) -> dict[str, bytes]:
    known = sorted((secret.encode() for secret in account.secrets.values()), key=len, reverse=True)
    pattern = re.compile(b"|".join(map(re.escape, known)))
    texts = [*fields.values(), *(name.encode() for name in fields)]
    if any(pattern.search(plain(text)) and not pattern.search(text) for text in texts):
        raise Unsure("a secret that is hidden twice")
    if not any(pattern.search(text) for text in texts):
        return fields
    kept = {*SIGNED.get(kind, ()), "md5", "sha1", "crc32"} - {"mes"}
    return {
        name if name in kept else pattern.sub(b"***", name.encode()).decode(): value
        if name in kept
        else pattern.sub(b"***", value)
        for name, value in fields.items()
    }


def _charset(fields: Mapping[str, bytes], account: Account) -> str:
    said = fields.get("charset", b"").decode("latin-1").lower()
    return CODECS.get(account.charset or said, "cp1251")


OURS = {
    "status": {
        "id": "message_id",
        "ts": "status_at",
        "last_timestamp": "status_at",
        "time": "status_time",
        "last_date": "status_time",
        "cnt": "parts",
        "sender_id": "sender",
    }
    | {
        name: name
        for name in "phone status err type cost sender operator mcc mnc country region flag".split()  # noqa: SIM905
    },
    "incoming": {
        "phone": "phone",
        "mes": "text",
        "to": "to_number",
        "id": "incoming_id",
        "ts": "sent_at",
        "time": "sent_time",
        "sent": "sent_time",
        "received": "sent_time",
    },
    "confirmation": {"phone": "phone", "ts": "called_at"},
}


def _named(fields: Mapping[str, bytes], kind: str, charset: str, account: Account) -> dict[str, object]:
    ours = {theirs: name for name, theirs in account.call.items()} if kind == "call" else OURS[kind]
    texts: dict[str, object] = {}
    extra: dict[str, str] = {}
    raw: dict[str, str] = {}
    for theirs, value in fields.items():
        if theirs in ("md5", "sha1", "crc32", "waitcall"):
            continue
        if theirs in ("cn", "net", "rcn", "rnet") and (b"+" in value or re.search(rb"%[0-9a-fA-F]{2}", value)):
            value = plain(value)
        name = ours.get(theirs)
        home: dict = texts if name and name not in texts else extra
        if home is texts:
            written = name
        elif theirs in {*ours.values()} - {*ours} or (
            kind == "call" and theirs in ("keys", "phone", "message_id") and theirs not in ours
        ):
            written = theirs + "_"
        else:
            written = theirs
        if written in extra or f"raw_{written}" in extra or written in raw:
            raise Unsure("a name that is ours as well")
        try:
            home[written] = value.decode(charset)
        except UnicodeDecodeError:
            home[written] = value.decode(charset, "replace")
            raw[f"raw_{written}"] = value.hex()
    if set(raw) & set(extra):
        raise Unsure("a name that is ours as well")
    return texts | {"extra": extra | raw}


# From texts to rows.


def _whole(text: str | None, low: int, high: int) -> int | None:
    fits = text is not None and re.fullmatch("-?[0-9]{1,10}", text, re.ASCII)
    return int(text) if fits and low <= int(text) <= high else None


def _money(text: str | None) -> Decimal | None:
    fits = text is not None and re.fullmatch(r"[0-9]{1,8}(\.[0-9]{1,4})?", text, re.ASCII)
    return Decimal(text).quantize(Decimal("0.0001")) if fits else None


def _seconds(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch("[0-9]{1,10}", text, re.ASCII) else None


def _local(text: str | None, zone: str) -> int | None:
    if text is None:
        return None
    exact = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)", text, re.ASCII)
    iso = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)", text, re.ASCII)
    if not exact and not iso:
        if len(re.findall(r"\d+", text, re.ASCII)) >= 3:
            raise Unsure("nearly a time")
        return None
    numbers = [int(number) for number in (exact or iso).groups()]
    year, month, day = numbers[:3] if iso else reversed(numbers[:3])
    hour, minute, second = numbers[3:]
    if hour > 23 or minute > 59 or second > 59 or not 1990 <= year <= 2200:
        raise Unsure("no time of any clock, or of a zone that was another")
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=ZoneInfo(zone)).timestamp())
    except ValueError:
        return None


def _plausible(at: int | None, now: int) -> bool:
    if at is None:
        return False
    if min(abs(at - now - 3600), abs(at - now + 30 * 86400)) < EDGE:
        raise Unsure("at the edge of what is believed")
    return now - 30 * 86400 <= at <= now + 3600


def _phone(text: str | None) -> str | None:
    if text is None:
        return None
    if re.fullmatch("[+]?[0-9]+", text):
        return text.removeprefix("+")
    if not text.isascii():
        raise Unsure("small letters of another alphabet")
    return text.lower()


def _moment(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def _row(texts: Mapping[str, object], account: Account, columns: Mapping[str, object], lost: Sequence[str]) -> dict:
    """Columns, and in `extra` also the texts under those names that the columns do not hold."""
    rest = {name: texts[name] for name in lost if name in texts}
    kept = {"account": account.name, "signed_by": texts["signed_by"], "key": texts["key"]}
    return kept | columns | {"extra": texts["extra"] | rest}


def _status_row(texts: Mapping[str, object], account: Account, now: int) -> dict[str, object]:
    ts, time = _seconds(texts.get("status_at")), _local(texts.get("status_time"), account.zone)
    believed = _plausible(ts, now), _plausible(time, now)
    at = ts if believed[0] else time if believed[1] else None
    columns: dict[str, object] = {
        "message_id": int(texts["message_id"]),
        "phone": _phone(texts["phone"]),
        "status": _whole(texts["status"], -128, 127),
        "err": _whole(texts.get("err"), 0, 65534),
        "status_at": _moment(at),  # None for the moment of receipt
        "time_source": "ts" if believed[0] else "time" if believed[1] else "received",
        "type": _whole(texts.get("type"), 0, 32767),
        "parts": _whole(texts.get("parts"), 0, 2**31 - 1),
        "cost": _money(texts.get("cost")),
        "flag": _whole(texts.get("flag"), 0, 2**31 - 1),
        "claimed_at": _moment(time) if at is None and "status_at" not in texts else None,
    }
    columns |= {name: texts.get(name) for name in ("sender", "operator", "mcc", "mnc", "country", "region")}
    columns["hlr"] = columns["type"] == 4 or any(
        name in texts["extra"] for name in ("imsi", "msc", "cn", "net", "rcn", "rnet")
    )
    lost = [name for name in ("status", "err", "type", "parts", "cost", "flag") if columns[name] is None]
    lost += ["phone"] if columns["phone"] != texts["phone"] else []
    lost += ["status_at"] if not believed[0] else []
    lost += ["status_time"] if at is None or time != at else []
    return _row(texts, account, columns, lost)


def _incoming_row(texts: Mapping[str, object], account: Account, now: int) -> dict[str, object]:
    ts, time = _seconds(texts.get("sent_at")), _local(texts.get("sent_time"), account.zone)
    at = ts if _plausible(ts, now) else time if _plausible(time, now) else None
    columns = {
        "incoming_id": _whole(texts.get("incoming_id"), 0, 2**63),
        "phone": _phone(texts["phone"]),
        "to_number": re.sub("[^0-9]", "", texts["to_number"]),
        "text": texts["text"],
        "sent_at": _moment(at),
        "claimed_at": _moment(time) if at is None and "sent_at" not in texts else None,
    }
    lost = [name for name in ("phone", "to_number") if columns[name] != texts[name]]
    lost += ["incoming_id"] if columns["incoming_id"] is None else []
    lost += ["sent_at"] if at is None or ts != at else []
    lost += ["sent_time"] if at is None or time != at else []
    return _row(texts, account, columns, lost)


def _confirmation_row(texts: Mapping[str, object], account: Account, now: int) -> dict[str, object]:
    at = int(texts["called_at"])
    if abs(abs(at - now) - 900) < EDGE:
        raise Unsure("about to be stale")
    columns = {"phone": _phone(texts["phone"]), "called_at": _moment(at), "stale": abs(at - now) > 900}
    return _row(texts, account, columns, ["phone"] if columns["phone"] != texts["phone"] else [])


def _call_row(texts: Mapping[str, object], account: Account, _: int) -> dict[str, object]:
    columns = {
        "message_id": _whole(texts.get("message_id"), 0, 2**31 - 1),
        "phone": _phone(texts.get("phone")),
        "keys": texts["keys"],
    }
    row = _row(texts, account, columns, ["phone"] if columns["phone"] != texts.get("phone") else [])
    return {name: value for name, value in row.items() if name != "key"}  # the table has no such column


TABLE = {"status": "statuses", "incoming": "incoming", "confirmation": "confirmations", "call": "call_events"}
ROW = {"status": _status_row, "incoming": _incoming_row, "confirmation": _confirmation_row, "call": _call_row}
