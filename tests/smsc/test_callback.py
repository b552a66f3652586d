import html
import re
import time
from urllib.parse import unquote

import pytest
from signing import incoming_body, md5_of, status_body

from smsanalytics.errors import BadSignature, CallbackRefused
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.smsc.kinds import Kind

TERMS = Terms({"2026": b"s3cret_Key-1"})
SENDER = "Доставка"


@pytest.mark.parametrize("charset", ["windows-1251", "utf-8", "koi8-r"])
@pytest.mark.parametrize("where", ["account", "echoed"])
def test_text_is_decoded_in_the_charset_of_the_account_or_the_echoed_one(charset, where):
    encoded = "".join(f"%{byte:02X}" for byte in SENDER.encode(charset)).encode()
    body = status_body(1042) + b"&sender=" + encoded + (b"&charset=" + charset.encode() if where == "echoed" else b"")
    terms = Terms(TERMS.secrets, charset=charset if where == "account" else None)
    assert read(body, terms)[0].fields["sender"] == SENDER


def test_a_fixed_charset_wins_over_an_echoed_one_for_that_is_not_signed():
    body = status_body(1042) + b"&charset=koi8-r&sender=%C4%EE%EC"
    assert read(body, Terms(TERMS.secrets, charset="windows-1251"))[0].fields["sender"] == "Дом"


def test_an_unknown_echoed_charset_is_the_default():
    assert read(status_body(1042) + b"&charset=utf-7&sender=%C4%EE%EC", TERMS)[0].fields["sender"] == "Дом"


def test_bytes_that_are_no_text_are_kept_as_hex():
    callback = read(status_body(1042) + b"&charset=utf-8&sender=%C4%EE%EC", TERMS)[0]
    assert callback.fields["sender"] == "\ufffd\ufffd\ufffd"
    assert callback.extra["raw_sender"] == "c4eeec"


def test_control_values_are_dropped_and_unknown_fields_kept():
    callback = read(status_body(1042, order="A-17", crc32="1", waitcallx="y"), TERMS)[0]
    assert callback.extra == {"order": "A-17", "waitcallx": "y"}
    assert not {"md5", "crc32"} & {*callback.fields, *callback.extra}


def test_of_two_spellings_the_second_stays_in_extra():
    callback = read(status_body(1042, sender="SHOP", sender_id="OTHER"), TERMS)[0]
    assert (callback.fields["sender"], callback.extra) == ("SHOP", {"sender_id": "OTHER"})


def test_without_secrets_nothing_is_verified_and_the_event_says_so():
    [callback] = read(b"id=1&phone=79001230001&status=1", Terms({}))
    assert (callback.kind, callback.signed_by, callback.key) == (Kind.STATUS, "none", "")


def test_secret_and_content_stay_out_of_representations():
    shown = repr(TERMS) + repr(read(status_body(1042), TERMS))
    assert "s3cret" not in shown
    assert "79001230001" not in shown


def test_every_refusal_has_a_reason():
    assert {refusal.reason for refusal in CallbackRefused.__subclasses__()} == {"malformed", "structure", "signature"}
    with pytest.raises(BadSignature):
        read(status_body(1042, secret="other"), TERMS)


def test_a_secret_that_is_echoed_in_a_parameter_is_not_stored():
    callback = read(status_body(1042, note="my-s3cret_Key-1"), TERMS)[0]
    assert callback.extra == {"note": "my-***"}


def test_while_secrets_are_rotated_either_is_masked_and_the_longer_is_masked_whole():
    either = Terms({"2025": b"an0ther_Key-0", **TERMS.secrets})
    assert read(status_body(1042, note="my-s3cret_Key-1"), either)[0].extra == {"note": "my-***"}
    nested = Terms({"2025": b"s3cret", **TERMS.secrets})
    assert nested.masked(b"x=s3cret_Key-1&y=%73%33cret_Key-1") == b"x=***&y=***"


def test_the_hex_of_a_text_wins_over_an_echoed_parameter_of_that_name():
    callback = read(status_body(1042) + b"&charset=utf-8&sender=%C4&raw_sender=fake", TERMS)[0]
    assert callback.extra["raw_sender"] == "c4"


def test_a_parameter_that_is_echoed_under_a_name_of_ours_is_not_taken_for_what_did_not_convert():
    callback = read(status_body(1042, status_at="1", parts="x"), TERMS)[0]
    assert callback.extra == {"status_at_": "1", "parts_": "x"}


@pytest.mark.parametrize(
    "sent", ["Russian Federation", "Russian%20Federation", "Russian%2BFederation", "Russian%252520Federation"]
)
def test_a_country_of_an_hlr_result_that_is_encoded_twice_is_decoded_once_more(sent):
    callback = read(status_body(1042) + b"&cn=" + sent.encode().replace(b" ", b"+"), TERMS)[0]
    assert callback.extra["cn"] == ("Russian%20Federation" if "2525" in sent else "Russian Federation")


def percent(text, layers=1):
    return text if not layers else "".join(f"%{ord(one):02x}" for one in percent(text, layers - 1))


SECRET = "s3cret_Key-1"
IN_PIECES = "s3<!-- -->cret_<![CDATA[Key-1]]>"
HOLDING = [  # what a secret may stand in, as a form, XML and JSON, by name and by value
    f"&{SECRET}=1",
    f"&my-{SECRET}-x=1",
    f"&{percent(SECRET)}=1",
    f"&note={percent(SECRET)}",
    f"&note={percent(SECRET, 2)}",
    f"&{percent(SECRET, 2)}=1",
    f"&note={percent(SECRET, 3)}",
    f"&cn={percent(SECRET, 2)}",
    f"&note=%26%23115;{SECRET[1:]}",
    f"<{SECRET}>1</{SECRET}>",
    f"<note {SECRET}='1'/>",
    f"<note of='{SECRET}'/>",
    f"<note>{IN_PIECES}</note>",
    f"<note>&#115;{SECRET[1:]}</note>",
    f', "{SECRET}": 1',
    f', "note": "{SECRET}"',
    f', "\\u0073{SECRET[1:]}": 1',
    f', "note": "\\u0073{SECRET[1:]}"',
    f', "note": "\\\\u0073{SECRET[1:]}"',
]


def holding(more, md5):
    if more.startswith("&"):
        return f"id=1&phone=79001230001&status=1&md5={md5}{more}".encode()
    if more.startswith("<"):
        return f"<sms><id>1</id><phone>79001230001</phone><status>1</status><md5>{md5}</md5>{more}</sms>".encode()
    return f'{{"id": 1, "phone": "79001230001", "status": 1, "md5": "{md5}"{more}}}'.encode()


def shown(text):
    """Everything that can be read from a text that is encoded again and again."""
    for _ in range(5):
        yield text
        text = unquote(html.unescape(re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)))


@pytest.mark.parametrize("more", HOLDING)
def test_no_secret_is_stored_whatever_it_stands_in(more):
    [callback] = read(holding(more, md5_of(1, "79001230001", 1)), TERMS)
    assert callback.extra
    assert "***" in str(callback.extra)
    assert not any(SECRET in text for text in shown(str(callback.extra).replace("\\\\", "\\")))
    assert callback.fields == {"message_id": "1", "phone": "79001230001", "status": "1"}


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
@pytest.mark.parametrize("more", HOLDING)
def test_no_secret_is_kept_of_a_refused_body_whatever_it_stands_in(more, encoding):
    kept = TERMS.masked(holding(more, "0").decode().encode(encoding)).decode("latin-1").replace("\0", "")
    assert "***" in kept
    assert not any(SECRET in text for text in shown(kept.replace("<!-- -->", "").replace("<![CDATA[", "")))


def test_what_is_not_encoded_whole_is_masked_where_it_stands():
    assert TERMS.masked(b"id=1&x=%73%33cret_Key-1&y=%D0") == b"id=1&x=***&y=%D0"
    assert TERMS.masked(rb'{"a": "\u0073\u0033cret_Key-1"}') == b'{"a": "***"}'


def test_a_text_from_a_subscriber_may_hold_it_and_is_masked():
    [callback] = read(incoming_body("79001230001", f"is it {SECRET}?"), TERMS)
    assert callback.fields["text"] == "is it ***?"


def test_what_is_made_to_be_slow_is_masked_in_time():
    started = time.perf_counter()
    for part in (b"<!--", b"s<!--", b"\\", b"%25", b"&#0", b"s3cret_Key-", b"&#x0;", b"%", b"<![CDATA["):
        body = part * (256 * 2**10 // len(part))
        assert TERMS.masked(body) == body
    assert time.perf_counter() - started < 10
