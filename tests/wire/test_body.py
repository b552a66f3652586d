import pytest

from smsanalytics.errors import MalformedCallback
from smsanalytics.wire.body import MAX_FIELDS, parse


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
    assert parse(body) == [fields]


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
    assert len(parse(b"&".join(b"f%d=" % n for n in range(MAX_FIELDS)))[0]) == MAX_FIELDS
