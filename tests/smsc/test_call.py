"""Key presses in a voice menu: stored where the account says how the field is called, and never taken for more."""

from __future__ import annotations

import hashlib

import pytest
from signing import SECRET, status_body

from smsanalytics.errors import BadSignature, MisshapenCallback
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.smsc.kinds import Kind, kind_of

TERMS = Terms({"2026": SECRET.encode()}, call_events=CallFields("digits"))
OTHERS = Terms({"2026": SECRET.encode()}, call_events=CallFields("dtmf", phone="abonent", message_id="call_id"))
CALL = b"id=1042&phone=79001230001&digits=21%23&second=30"


def md5(*signed):
    return b"&md5=" + hashlib.md5(":".join([*signed, SECRET]).encode()).hexdigest().encode()


def test_without_the_setting_it_is_refused_as_a_status_that_lacks_one():
    with pytest.raises(MisshapenCallback, match="field status did not come"):
        read(CALL, Terms(TERMS.secrets))


def test_an_unsigned_call_is_taken_and_says_so():
    [call] = read(CALL, TERMS)
    assert (call.kind, call.signed_by, call.key) == (Kind.CALL, "none", "")
    assert call.fields == {"message_id": "1042", "phone": "79001230001", "keys": "21#"}
    assert call.extra == {"second": "30"}


def test_the_fields_are_called_as_the_account_says():
    [call] = read(b"call_id=7&abonent=%2B79001230001&dtmf=*&id=5&phone=x", OTHERS)
    assert call.fields == {"message_id": "7", "phone": "+79001230001", "keys": "*"}
    assert call.extra == {"id": "5", "phone_": "x"}


def test_keys_alone_are_a_call():
    assert read(b"digits=1", TERMS)[0].fields == {"keys": "1"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(CALL + md5("1042", "79001230001", ""), id="as-a-status-without-one"),
        pytest.param(b"digits=1" + md5("", "", ""), id="of-nothing"),
        pytest.param(CALL + md5("1042", "79001230001"), id="two-fields"),
        pytest.param(CALL + b"&md5=" + b"0" * 32, id="forged"),
        pytest.param(CALL + b"&crc32=1", id="crc32"),
    ],
)
def test_no_hash_covers_the_keys_so_none_is_said_to_and_none_refuses_them(body):
    [call] = read(body, TERMS)
    assert (call.signed_by, call.key) == ("none", "")
    assert not {"md5", "crc32"} & {*call.fields, *call.extra}


@pytest.mark.parametrize(
    "body",
    [
        b"id=1042&phone=79001230001&digits=",
        b"id=1042&phone=79001230001&digits=yes",
        b"id=1042&phone=79001230001&digits=1%0A",
        b"digits=" + b"1" * 33,
        b"id=1e9&digits=1",
        b"id=2147483648&digits=1",
        b"phone=1042&digits=1",
        b"id=&digits=1",
    ],
)
def test_a_call_of_another_shape_is_refused(body):
    with pytest.raises(MisshapenCallback):
        read(body, TERMS)


def test_keys_added_to_a_signed_status_are_a_call_that_nobody_signed():
    status, call = read(status_body(1042, digits="21", ts="1700000000"), TERMS)
    assert (status.kind, status.signed_by, status.key) == (Kind.STATUS, "md5", "2026")
    assert (call.kind, call.signed_by, call.key) == (Kind.CALL, "none", "")
    assert status.extra == {"digits": "21"}
    assert call.fields == {"message_id": "1042", "phone": "79001230001", "keys": "21"}
    assert call.extra == {"status": "1", "ts": "1700000000"}


def test_keys_of_another_shape_do_not_refuse_a_signed_status():
    [status] = read(status_body(1042, digits=""), TERMS)
    assert (status.kind, status.extra) == (Kind.STATUS, {"digits": ""})


def test_a_status_is_no_call_because_its_hash_is_wrong():
    with pytest.raises(BadSignature):
        read(status_body(1042, digits="21", secret="other"), TERMS)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"mes": b"", "digits": b"1"}, Kind.INCOMING),
        ({"waitcall": b"1", "digits": b"1"}, Kind.CONFIRMATION),
        ({"status": b"1", "digits": b"1"}, Kind.STATUS),
        ({"digits": b"1"}, Kind.CALL),
        ({"digit": b"1"}, Kind.STATUS),
    ],
)
def test_the_keys_are_asked_for_last(fields, kind):
    assert kind_of(fields, keys="digits") is kind


def test_text_beside_status_is_refused_with_keys_as_well():
    with pytest.raises(MisshapenCallback, match="mes and status"):
        read(CALL + b"&mes=a&status=1", TERMS)


def test_a_secret_in_a_field_of_a_call_is_not_stored():
    [call] = read(CALL + b"&note=my-" + SECRET.encode(), TERMS)
    assert call.extra == {"second": "30", "note": "my-***"}
