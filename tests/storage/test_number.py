"""A number is found and struck out in any of the spellings that the how-to lists, and no other number is."""

from __future__ import annotations

import base64
import quopri
import random
import time
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsanalytics.storage.catalog import EventFile, Layout
from smsanalytics.storage.erasure import forget_in
from smsanalytics.storage.maintenance import Maintenance
from smsanalytics.storage.number import Number
from smsanalytics.storage.pseudonyms import Privacy

PHONE, OTHER = "79001230001", "79001230002"
NUMBER = Number.of(PHONE, Privacy())
SEPARATORS = [*" ().-/_*,·':", "\u2212", "\u2013", "\u00a0", "\u202f", "\u200b", "\u200d", "\u2060", "\u00ad", "\ufeff"]
SCRIPTS = ["0", "\uff10", "\u0660", "\u06f0", "\U0001d7d8"]  # ASCII, full-width, Arabic-Indic, Persian, mathematical
ENCODINGS = {
    "plain": lambda text: text.encode(),
    "percent": lambda text: percent(text),
    "percent-twice": lambda text: percent(percent(text).decode()),
    "percent-thrice": lambda text: percent(percent(percent(text).decode()).decode()),
    "xml-references": lambda text: "".join(f"&#{ord(one)};" for one in text).encode(),
    "xml-hex-references": lambda text: "".join(f"&#x{ord(one):04X};" for one in text).encode(),
    "xml-comments": lambda text: "<!-- 5 -->".join(text).encode(),
    "xml-cdata": lambda text: b"<mes>" + "".join(f"<![CDATA[{one}]]>" for one in text).encode() + b"</mes>",
    "json-escapes": lambda text: "".join(f"\\u{int.from_bytes(two, 'big'):04x}" for one in text for two in utf_16(one)).encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64-of-the-web": lambda text: base64.urlsafe_b64encode(b"\xff" + text.encode()).rstrip(b"="),
    "base64-within-base64": lambda text: base64.b64encode(base64.b64encode(text.encode())),
    "base64-on-lines": lambda text: base64.encodebytes(b"x" * 50 + text.encode()),
    "quoted-printable": lambda text: "".join(f"={one:02X}" for one in text.encode()).encode(),
    "quoted-printable-on-lines": lambda text: quopri.encodestring(b"x" * 70 + text.encode()),
    "hex": lambda text: text.encode().hex().encode(),
    "utf-16": lambda text: text.encode("utf-16"),
}  # fmt: skip


def percent(text):
    return "".join(f"%{one:02x}" for one in text.encode()).encode()


def utf_16(sign):
    encoded = sign.encode("utf-16-be")
    return [encoded[at : at + 2] for at in range(0, len(encoded), 2)]


@st.composite
def spelled(draw, digits):
    """Some digits, each in a script of its own, with up to four signs between two of them."""
    between = st.lists(st.sampled_from(SEPARATORS), max_size=4).map("".join)
    first = draw(st.sampled_from(["", "+", "8 ", "+7 (", "7"]))
    signs = [chr(ord(draw(st.sampled_from(SCRIPTS))) + int(one)) for one in digits]
    return first + "".join(one + draw(between) for one in signs[:-1]) + signs[-1]


@settings(max_examples=200)
@given(spelled(PHONE[1:]))
def test_it_is_found_and_struck_however_a_person_writes_it(text):
    assert NUMBER.mentioned(text.encode())
    assert NUMBER.struck(f"call {text}, or me") == "call ***, or me"


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=30, deadline=None)
@given(text=spelled(PHONE[1:]))
def test_it_is_found_in_a_refused_body_whatever_encodes_it(text, encoding):
    for before in ("", "id=1&phone=", "<phone>", '{"phone": "', "x"):
        encoded = ENCODINGS[encoding]
        body = encoded(before + text) if encoding == "utf-16" else before.encode() + encoded(text)
        assert NUMBER.mentioned(body)


@settings(max_examples=300, deadline=None)
@given(
    st.text("0123456789", min_size=7, max_size=15).filter(lambda text: PHONE[1:] not in text),
    st.sampled_from([*ENCODINGS]),
    st.data(),
)
def test_other_numbers_are_left_alone(digits, encoding, data):
    text = data.draw(spelled(digits))
    said = f"call {text}, or me"
    if PHONE[1:] not in "".join(str(int(one)) for one in text if one.isdigit()):
        assert NUMBER.struck(said) == said
        assert not NUMBER.mentioned(b"id=1&phone=" + ENCODINGS[encoding](text))


@pytest.mark.parametrize(
    ("phone", "text", "struck"),
    [
        (PHONE, "of 4479001230001 and 790012300015", "of 44*** and ***5"),  # a longer number that holds ten digits of it
        ("1230001", "of 1230001, 123-00-01 and 123_00_01", "of ***, *** and ***"),
        ("1230001", "of 79001230001, 12300015 and x1230001", "of 79001230001, 12300015 and x1230001"),
        (PHONE, "call " + ("\u200b" * 9).join(PHONE) + "!", "call ***!"),  # so many signs that are not seen
        (PHONE, "900 and 123, 00, 01", "900 and 123, 00, 01"),  # letters between
        (PHONE, "900     1230001", "900     1230001"),  # five signs between
        ("Somebody@example.org", "write to ＳＯＭＥＢＯＤＹ@Example.org!", "write to ***!"),
        ("Somebody@example.org", "write to nobody@example.org", "write to nobody@example.org"),
    ],
)  # fmt: skip
def test_what_is_a_spelling_and_what_is_none(phone, text, struck):
    assert Number.of(phone, Privacy()).struck(text) == struck


@pytest.mark.parametrize(
    "part", ["%25", "&#0", "<!--", "\\", "=3", "NzkwMDEyMzAwMD", "37393030", "&#1", "7 ", "<![CDATA["]
)
def test_what_is_made_to_be_slow_is_read_in_time(part):
    started = time.perf_counter()
    NUMBER.mentioned(part.encode() * (256 * 2**10 // len(part)))
    assert time.perf_counter() - started < 20


def test_it_is_struck_in_every_column_of_every_row_and_in_maps(tmp_path):
    layout = Layout(tmp_path / "data")
    path = layout.event_file("incoming", datetime(2026, 11, 22, tzinfo=UTC).date(), EventFile("w0", 1, 1))
    path.parent.mkdir(parents=True)
    draw = random.Random(7)
    texts, extras, expected = [], [], []
    for row in range(3000):
        phone = PHONE if row % 10 == 0 else OTHER
        spelt = "".join(
            chr(ord(draw.choice(SCRIPTS)) + int(one)) + draw.choice(["", *SEPARATORS]) for one in phone[:-1]
        )
        spelt += phone[-1]
        coded = ENCODINGS[draw.choice(["base64", "percent-thrice", "quoted-printable", "xml-hex-references"])](
            phone
        ).decode()
        texts.append(f"Позвони {spelt} {row}" if row % 3 else None)
        kept = {"kept": str(row), "empty": None}
        extras.append([{"note": spelt}, {"coded": coded}, {phone: "1"}][row // 10 % 3] | kept)
        if row % 10 == 0:
            struck = {"note": "***"} if row // 10 % 3 == 0 else {}
            expected.append((f"Позвони *** {row}" if row % 3 else None, struck | kept))
        else:
            expected.append((texts[-1], extras[-1]))
    columns = {
        "phone": pa.array([OTHER] * 3000),
        "text": pa.array(texts, pa.string()),
        "extra": pa.array([list(one.items()) for one in extras], pa.map_(pa.string(), pa.string())),
    }
    pq.write_table(pa.table(columns), path)
    with Maintenance(layout, {}) as maintenance:
        done = forget_in(layout, maintenance, NUMBER)
    assert done.complete
    assert done.rows == {"incoming": 300}
    assert duckdb.execute("SELECT text, extra FROM read_parquet(?)", [str(path)]).fetchall() == expected
