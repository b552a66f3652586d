from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smsanalytics.errors import MalformedCallback
from smsanalytics.smsc.parser import MAX_FIELDS, Body, parse

PIECES = [
    b"id",
    b"phone",
    b"%69d",
    b"a b",
    b"a+b",
    b"=",
    b"=",
    b"&",
    b"&",
    b"1",
    b"%26",
    b"%3D",
    b"+",
    b"\r\n",
    b".*",
    b"",
]
FORMS = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param(b"a=1&b=2", {"a": b"1", "b": b"2"}, id="pairs"),
        pytest.param(b"a=&b", {"a": b"", "b": b""}, id="empty-values"),
        pytest.param(b"a=x+y%2Bz%20", {"a": b"x y+z "}, id="plus-and-percent"),
        pytest.param(b"mes=%CF%F0\xe8", {"mes": b"\xcf\xf0\xe8"}, id="bytes-stay-bytes"),
        pytest.param(b"a=1=2", {"a": b"1=2"}, id="equals-in-value"),
        pytest.param(b"a=%zz%4", {"a": b"%zz%4"}, id="broken-percent-is-text"),
        pytest.param(b"&a=1&&b=2&", {"a": b"1", "b": b"2"}, id="stray-ampersands"),
        pytest.param(b"a=1;b=2", {"a": b"1;b=2"}, id="semicolon-separates-nothing"),
        pytest.param(b"%EA%EB=1", {"\\xea\\xeb": b"1"}, id="name-in-another-charset"),
        pytest.param(b"a=1\r\n", {"a": b"1"}, id="line-end-of-a-command-line-tool"),
    ],
)
def test_a_form_is_read_without_decoding_its_text(body, fields):
    assert parse(body) == Body([fields], None)


@given(FORMS)
@example(b"%69d=1&id=2")
@example(b"%6d%64%35=1&a+b=2")
def test_a_form_is_read_as_the_standard_library_does(form):
    pairs = parse_qsl(form.lstrip().rstrip(b"\r\n").decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    expected = {name: value.encode("latin-1") for name, value in pairs}
    if pairs and len(expected) == len(pairs):
        assert parse(form) == Body([expected], None)
    else:
        with pytest.raises(MalformedCallback, match="twice" if pairs else "empty"):
            parse(form)


@pytest.mark.parametrize("after", [b"", b"\r\n", b" \t"])
@pytest.mark.parametrize("before", [b"", b"\r\n", b" \t"])
@pytest.mark.parametrize(
    ("body", "charset"),
    [
        pytest.param(b"id=1&sender=%C4%EE%EC", None, id="form"),
        pytest.param(b"<r><id>1</id><sender>&#1044;&#1086;&#1084;</sender></r>", "utf-8", id="xml"),
        pytest.param(b'<?xml version="1.0" encoding="windows-1251"?><r><id>1</id></r>', "utf-8", id="xml-declared"),
        pytest.param(b"<r><id>1</id><sender>\xc4\xee\xec</sender></r>", "utf-8", id="xml-in-another-charset"),
        pytest.param(b'{"id": 1, "sender": "\xd0\x94"}', "utf-8", id="json"),
        pytest.param(b'[{"id": 1, "sender": "\xc4\xee\xec"}]', "utf-8", id="json-in-another-charset"),
    ],
)
def test_a_byte_order_mark_is_skipped(body, charset, before, after):
    found = parse(before + b"\xef\xbb\xbf" + after + body)
    assert found == parse(body)
    assert found.charset == charset
    assert found.events[0]["id"] == b"1"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfid=1", "\\xef\\xbb\\xbfid", id="second"),
        pytest.param(b"%EF%BB%BFid=1", "\\xef\\xbb\\xbfid", id="encoded"),
    ],
)
def test_a_mark_that_begins_no_body_belongs_to_the_name(body, name):
    assert parse(body).events == [{name: b"1"}]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"&&", "empty", id="no-pair"),
        pytest.param(b"a=1&a=1", "twice", id="twice"),
        pytest.param(b"a=1&%61=2", "twice", id="twice-after-decoding"),
        pytest.param(b"&".join(b"f%d=" % n for n in range(MAX_FIELDS + 1)), "more than 200", id="too-many"),
        pytest.param(b"&" * 10**6 + b"a=1", "more than 200", id="a-million-ampersands"),
    ],
)
def test_a_body_with_two_readings_is_refused(body, words):
    with pytest.raises(MalformedCallback, match=words):
        parse(body)


def test_as_many_fields_as_allowed_are_read():
    assert len(parse(b"&".join(b"f%d=" % n for n in range(MAX_FIELDS))).events[0]) == MAX_FIELDS


@pytest.mark.parametrize(
    ("body", "events"),
    [
        pytest.param(b'{"a": 1, "b": "x"}', [{"a": b"1", "b": b"x"}], id="object"),
        pytest.param(b' \r\n[{"a": 1}, {"a": 2}]', [{"a": b"1"}, {"a": b"2"}], id="list"),
        pytest.param(
            b'{"n": 0.30, "big": 12345678901234567890, "e": 1e3}',
            [{"n": b"0.30", "big": b"12345678901234567890", "e": b"1e3"}],
            id="numbers-as-written",
        ),
        pytest.param(b'{"n": null, "t": true, "f": false}', [{"n": b"", "t": b"true", "f": b"false"}], id="words"),
        pytest.param(b'{"root": {"id": 1}}', [{"id": b"1"}], id="any-root"),
        pytest.param(
            b'{"order": 7, "list": [{"id": 1}, {"id": 2}]}',
            [{"order": b"7", "id": b"1"}, {"order": b"7", "id": b"2"}],
            id="shared-by-a-list",
        ),
        pytest.param(b'{"id": 1, "hlr": {"imsi": 2}}', [{"id": b"1", "imsi": b"2"}], id="one-level-flattened"),
        pytest.param(b"<r><a>1</a><b/></r>", [{"a": b"1", "b": b""}], id="xml"),
        pytest.param(
            b"<r>\n  <e><id>1</id></e>\n  <e><id>2</id></e>\n</r>", [{"id": b"1"}, {"id": b"2"}], id="xml-list"
        ),
        pytest.param(
            b'<r a="1"><b>&lt;&#1055;&gt;</b></r>',
            [{"a": b"1", "b": "<П>".encode()}],
            id="xml-attributes-and-characters",
        ),
        pytest.param(b"<r><a><![CDATA[<&>]]></a></r>", [{"a": b"<&>"}], id="xml-cdata"),
        pytest.param(
            b'<r><phone kind="x">7</phone><id>1</id></r>',
            [{"id": b"1", "kind": b"x", "phone": b"7"}],
            id="xml-attribute-beside-text",
        ),
    ],
)
def test_xml_and_json_are_read_under_any_root(body, events):
    assert parse(body) == Body(events, "utf-8")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"{", "begins like JSON", id="json-broken"),
        pytest.param(b'{"a": 1} x', "begins like JSON", id="json-and-more"),
        pytest.param(b'{"a": NaN, "a": 1}', "twice", id="json-key-twice"),
        pytest.param(b'{"id": 1, "x": {"id": 2}}', "twice", id="json-key-twice-across-levels"),
        pytest.param(b"[[[[[[[[1]]]]]]]]", "nested too deeply", id="json-deep"),
        pytest.param(b"[" * 100_000, "begins like JSON|nested", id="json-very-deep"),
        pytest.param(b"[1]", "a value where an event", id="json-number"),
        pytest.param(b"{}", "no event", id="json-empty"),
        pytest.param(b"[" + b",".join([b'{"a":1}'] * 1001) + b"]", "more than 1000", id="json-too-many"),
        pytest.param(b'{"a": "\\ud800"}', "half of a character", id="json-lone-surrogate"),
        pytest.param(b'{"a": 1, "\\udfff": "x"}', "half of a character", id="json-lone-surrogate-in-a-name"),
        pytest.param(
            b"{" + b",".join(b'"f%d":1' % n for n in range(100_000)) + b"}",
            "more than 200",
            id="json-a-hundred-thousand-keys",
        ),
        pytest.param(b"[" + b",".join([b"{}"] * 80_000) + b"]", "3000 objects", id="json-eighty-thousand-objects"),
        pytest.param(b"<r>" + b"<a/>" * 60_000 + b"</r>", "1000 events", id="xml-sixty-thousand-elements"),
        pytest.param(b"<", "begins like XML", id="xml-broken"),
        pytest.param(b"<a><b></a>", "begins like XML", id="xml-crossed"),
        pytest.param(b'<?xml version="1.0" encoding="utf-99"?><a/>', "begins like XML", id="xml-unknown-charset"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type", id="xml-entity"),
        pytest.param(b"<a>" * 100_000, "nested too deeply", id="xml-deep"),
    ],
)
def test_xml_and_json_with_two_readings_or_none_are_refused(body, words):
    with pytest.raises(MalformedCallback, match=words):
        parse(body)
