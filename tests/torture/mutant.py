"""Bodies of callbacks, signed, and what becomes of them when fields, structure and bytes are altered at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from torture.judge import CODECS, SIGNED, Account, Refused, Unsure, kind_of, made, read, signed_texts

SECRETS = {"2025": "an-older-secret-of-25", "2026": "s3cret_Key-1"}
ACCOUNTS = (
    Account("default", SECRETS),
    Account("utf", SECRETS, charset="utf-8"),
    Account("koi", SECRETS, charset="koi8-r", zone="Asia/Almaty", inbound_numbers=("79001230000", "2442")),
    Account("both", SECRETS, algorithms=("md5", "sha1"), charset="windows-1251"),
    Account("crc", SECRETS, algorithms=("md5", "crc32"), zone="UTC"),
    Account("calls", SECRETS, call={"keys": "dtmf", "phone": "phone", "message_id": "id"}),
    Account("abonents", SECRETS, charset="utf-8", call={"keys": "pressed", "phone": "abonent", "message_id": "call"}),
)
TEXTS = (
    "Привет, мир",
    "Да",
    "ok 👍",
    "time: 10:30",
    "",
    "a&b=c",
    "<b>&amp;</b>",
    "100% + 1",
    "Ёж №7",
    "'; --",
    "я" * 300,
)
ODD = (
    *("", "0", "00", "-1", "-0", "+1", " 1", "1 ", "1.5", "1e3", "0x10", "1_000", "١٢", "NaN", "null", "true"),
    *("9" * 10, "9" * 20, "-" + "9" * 20, "2147483647", "2147483648", "65534", "65535", "32767", "32768", "127", "128"),
    *("-127", "-128", "0.30", "12345678.1234", "123456789.1", "0.12345", "1000", "1:2", ":", "a:b", "%41", "%", "+", "="),
    *("\x00", "a\x00b", "\x01", "\x7f", "\n", "\r\n", "\t", "\\", '"', "'", "\ufffd", "\u2028", "\ufeff", "é", "𝒳"),
    *("user@example.com", "User@Example.COM", "@", "a@", "+79001230001", "7900123", "7" * 16, "а@б", "#*9", "a" * 3000),
    *("windows-1251", "UTF-8", "koi8-r", "latin-1", "22.11.2026 10:00:00", "2026-11-22T10:00:00", "November", SECRETS["2026"]),
)  # fmt: skip
NAMES = (
    *("id", "phone", "status", "mes", "to", "ts", "waitcall", "time", "err", "type", "cnt", "cost", "sender", "sender_id"),
    *("operator", "mcc", "mnc", "country", "region", "flag", "imsi", "msc", "cn", "net", "rcn", "rnet", "sent", "received"),
    *("last_date", "last_timestamp", "message_id", "parts", "status_at", "incoming_id", "text", "sent_at", "called_at"),
    *("md5", "sha1", "crc32", "charset", "fmt", "dtmf", "pressed", "abonent", "call", "Phone", "STATUS", "new", "", " "),
    *("заказ", "a.b", "a-b", "[0]", "order[id]", "__proto__", "comment", "syserr", "sms_id", "\x00", "é", "x" * 100),
)  # fmt: skip
ELEMENT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-"
Event = list[tuple[str, str]]


class Mutant:
    """
    Makes one body after another.

    Parameters
    ----------
    seed : int
        Of all chance in it.
    now : int
        About when the bodies are sent, in Unix seconds.
    """

    def __init__(self, seed: int, now: int) -> None:
        self.chance = random.Random(seed)
        self.now = now

    def body(self) -> tuple[Account, bytes]:
        """An account and a body for it: signed, altered, and in half of the cases signed once more."""
        chance = self.chance
        account = chance.choice(ACCOUNTS)
        events = [self._event(account) for _ in range(chance.choice((1, 1, 1, 1, 1, 2, 3)))]
        for event in events:
            if chance.random() < 0.5:
                self._alter(event)
        body = self._signed(self._written(events, account), account)
        if chance.random() < 0.6:
            for _ in range(chance.choice((1, 1, 2, 5))):
                body = self._damaged(body)
        return account, self._signed(body, account) if chance.random() < 0.5 else body

    def _event(self, account: Account) -> Event:
        chance = self.chance
        phone = f"7900123{chance.randrange(10_000):04}"
        number, ts = str(chance.randrange(1, 2**31)), str(self.now - chance.randrange(2000, 80_000))
        kind = chance.choices(("status", "incoming", "confirmation", "call"), (5, 3, 2, 2 if account.call else 0))[0]
        if kind == "status":
            event = [("id", number), ("phone", phone), ("status", chance.choice(("1", "0", "-1", "20", "2", "77")))]
            more = [
                ("ts", ts),
                ("err", "0"),
                ("type", "0"),
                ("cnt", "1"),
                ("cost", "3.10"),
                ("sender", "Дом"),
                ("mcc", "250"),
            ]
            event += chance.sample(more, chance.randrange(len(more)))
        elif kind == "incoming":
            event = [("phone", phone), ("mes", chance.choice(TEXTS)), ("to", "79001230000"), ("id", number), ("ts", ts)]
        elif kind == "confirmation":
            event = [("waitcall", "1"), ("phone", phone), ("ts", chance.choice((str(self.now - 60), ts)))]
        else:
            call = account.call
            event = [(call["keys"], "21#"), (call["phone"], phone), (call["message_id"], number), ("seconds", "30")]
        algorithms = account.algorithms or chance.choice((("md5",), ("sha1",), ("md5", "sha1")))
        return event + [(name, _placeholder(name, chance)) for name in algorithms]

    def _alter(self, event: Event) -> None:
        """Another value, name or order of fields; one more of them, or one less."""
        chance = self.chance
        for _ in range(chance.choice((1, 1, 2, 3))):
            at = chance.randrange(len(event)) if event else 0
            what = chance.randrange(6 if event else 1)
            value = chance.choice(ODD + TEXTS)
            if what == 0:
                event.insert(at, (chance.choice(NAMES), value))
            elif what == 1:
                del event[at]
            elif what == 2:
                event[at] = chance.choice(NAMES), event[at][1]
            elif what == 3:
                event.insert(chance.randrange(len(event)), event[at])
            elif what == 4:
                chance.shuffle(event)
            elif event[at][0] not in ("md5", "sha1", "crc32"):
                event[at] = event[at][0], value

    def _written(self, events: Sequence[Event], account: Account) -> bytes:
        chance = self.chance
        form = chance.random()
        if form < 0.5:
            return self._form(events[0], account)
        return self._json(events, account) if form < 0.75 else self._xml(events, account)

    def _form(self, event: Event, account: Account) -> bytes:
        chance = self.chance
        codec = account.codec
        if account.charset is None and chance.random() < 0.3:
            said = chance.choice(tuple(CODECS))
            event, codec = [("charset", said), *event], CODECS[said]

        def quoted(text: str) -> bytes:
            raw = text.encode(codec, "replace")
            return b"".join(
                b"%c" % code if code in _PLAIN or (code not in b"&=%+" and loose) else form % code for code in raw
            )

        loose, form = chance.random() < 0.2, chance.choice((b"%%%02X", b"%%%02x"))
        return b"&".join(quoted(name) + b"=" + quoted(value) for name, value in event)

    def _json(self, events: Sequence[Event], account: Account) -> bytes:
        chance = self.chance
        bare, ascii_only = chance.random() < 0.5, chance.random() < 0.5

        def value(text: str) -> str:
            if bare and text.isascii() and text.isdigit() and (len(text) == 1 or text[0] != "0"):
                return text
            if chance.random() < 0.02:
                return chance.choice(
                    ("null", "true", "[]", "{}", '{"a": 1}', "[1]", "1e400", "-0.0", '"\\ud800"', "NaN")
                )
            return json.dumps(text, ensure_ascii=ascii_only)

        def name(text: str) -> str:
            return json.dumps(text, ensure_ascii=ascii_only) if chance.random() > 0.003 else '"\\udfff"'

        objects = ["{" + ", ".join(f"{name(key)}: {value(text)}" for key, text in event) + "}" for event in events]
        body = objects[0] if len(objects) == 1 else f"[{', '.join(objects)}]"
        root = chance.random()
        if root < 0.2:
            body = f'{{"events": {body}}}'
        elif root < 0.3:
            body = f'{{"order": "Ж-17", "events": [{body}]}}'
        return body.encode("utf-8" if ascii_only or chance.random() < 0.7 else account.codec, "replace")

    def _xml(self, events: Sequence[Event], account: Account) -> bytes:
        chance = self.chance

        def written(event: Event) -> str:
            named = [("".join(letter for letter in name if letter in ELEMENT) or "x", text) for name, text in event]
            if chance.random() < 0.2:
                return "<sms " + " ".join(f"{name}={quoteattr(text)}" for name, text in named) + "/>"
            cdata = chance.random() < 0.2
            return (
                "<sms>"
                + "".join(
                    f"<{name}>{f'<![CDATA[{text}]]>' if cdata else escape(text)}</{name}>" for name, text in named
                )
                + "</sms>"
            )

        body = "".join(map(written, events))
        body = f"<callback>{body}</callback>" if len(events) > 1 or chance.random() < 0.3 else body
        said = chance.choice((None, None, "utf-8", "windows-1251", "koi8-r"))
        declaration = f'<?xml version="1.0" encoding="{said}"?>\n' if said else ""
        return (declaration + body).encode(said or chance.choice(("utf-8", account.codec)), "xmlcharrefreplace")

    def _damaged(self, body: bytes) -> bytes:
        chance = self.chance
        at = chance.randrange(len(body) + 1)
        end = min(len(body), at + chance.choice((1, 1, 2, 10, 40)))
        what = chance.randrange(7)
        if what == 0 and at < len(body):
            return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
        if what == 1:
            return body[:at] + bytes([chance.randrange(256)]) + body[at:]
        if what == 2:
            return body[:at] + body[end:]
        if what == 3:
            return body[:end] + body[at:]
        if what == 4 and chance.random() < 0.3:
            return body[:at]
        if what == 5:
            return body[:at] + chance.choice(_SCRAPS) + body[at:]
        digits = [place for place, code in enumerate(body) if code in b"0123456789"]
        if digits:
            place = chance.choice(digits)
            return body[:place] + b"%d" % chance.randrange(10) + body[place + 1 :]
        return body

    def _signed(self, body: bytes, account: Account) -> bytes:
        """The body with control values that are right for whatever it says now, where it has any."""
        chance = self.chance
        try:
            events, charset = read(body, account)
        except (Refused, Unsure):
            return body
        for fields in events:
            claimed = [name for name in ("md5", "sha1", "crc32") if len(fields.get(name, b"")) >= 8]
            try:
                kind = kind_of(fields, account)
            except Refused:
                kind = "status"
            kind = kind if kind in SIGNED else "status"
            signed = dict.fromkeys(SIGNED[kind], b"") | fields
            text = chance.choice(signed_texts(signed, kind, charset or account.codec))
            secret = chance.choice(tuple(account.secrets.values()))
            for name in claimed:
                right = chance.choice(made(name, text, secret))
                right = right if name == "crc32" or chance.random() < 0.9 else right.upper()
                body = body.replace(fields[name], right, 1)
        return body


def _placeholder(algorithm: str, chance: random.Random) -> str:
    length = {"md5": 32, "sha1": 40, "crc32": 8}[algorithm]
    return f"{chance.getrandbits(4 * length - 1) | 1 << (4 * length - 2):0{length}x}"


def settings(accounts: Iterable[Account]) -> str:
    """The accounts as the collector reads them."""
    lines: list[str] = []
    for account in accounts:
        lines += [f"[accounts.{account.name}]", f'zone = "{account.zone}"']
        lines += [
            f"algorithms = {json.dumps(account.algorithms)}",
            f"inbound_numbers = {json.dumps(account.inbound_numbers)}",
        ]
        lines += [f'charset = "{account.charset}"'] if account.charset else []
        lines += [f"[accounts.{account.name}.secrets]"]
        lines += [f'"{label}" = "{secret}"' for label, secret in account.secrets.items()]
        lines += [f"[accounts.{account.name}.call_events]"] if account.call else []
        lines += [f'{ours} = "{theirs}"' for ours, theirs in account.call.items()]
    return "\n".join(lines) + "\n"


_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-~")
_SCRAPS = (b"&", b"=", b"%", b"%00", b"%e", b"+", b"&id=1", b"&status=1", b"\x00", b"\xff", b"\xd0", b"<", b">", b"</sms>", b"<a/>",
           b"<!-- -->", b"<?pi?>", b"&amp;", b"&#0;", b"&#x41;", b"&x;", b"]]>", b'"', b"\\", b"\\u0000", b"{", b"}", b"[", b"]", b",",
           b"null", b"1e9", b"\xef\xbb\xbf", b"\r\n", b"<!DOCTYPE a>", b"\xf0\x9f\x91\x8d")  # fmt: skip
