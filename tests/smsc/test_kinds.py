import pytest

from smsanalytics.errors import MisshapenCallback
from smsanalytics.smsc.kinds import Kind, check_shape, kind_of

STATUS = {"id": b"1042", "phone": b"79001234567", "status": b"1"}
INCOMING = {"phone": b"79001234567", "mes": b"text", "to": b"79037654321"}
CONFIRMATION = {"phone": b"79001234567", "ts": b"1700000000", "waitcall": b"1"}


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        pytest.param(STATUS, Kind.STATUS, id="status"),
        pytest.param(STATUS | {"status": b"0"}, Kind.STATUS, id="status-0-is-a-status"),
        pytest.param(INCOMING, Kind.INCOMING, id="incoming"),
        pytest.param(INCOMING | {"mes": b""}, Kind.INCOMING, id="empty-text-is-incoming"),
        pytest.param(INCOMING | {"waitcall": b""}, Kind.INCOMING, id="text-before-call"),
        pytest.param(CONFIRMATION, Kind.CONFIRMATION, id="confirmation"),
        pytest.param(CONFIRMATION | {"waitcall": b""}, Kind.CONFIRMATION, id="presence-not-truth"),
        pytest.param({}, Kind.STATUS, id="anything-else-is-a-status"),
    ],
)
def test_the_kind_is_told_by_presence(fields, kind):
    assert kind_of(fields) is kind


def test_text_beside_status_is_refused():
    with pytest.raises(MisshapenCallback, match="mes and status came together"):
        kind_of(STATUS | INCOMING)


@pytest.mark.parametrize(
    ("kind", "fields", "numbers"),
    [
        pytest.param(Kind.STATUS, STATUS, (), id="status"),
        pytest.param(Kind.STATUS, STATUS | {"id": b"2147483647", "status": b"-1"}, (), id="largest-id"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"+79001234567"}, (), id="plus"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"user@example.com"}, (), id="address"),
        pytest.param(Kind.INCOMING, INCOMING | {"mes": b"a:b\n\x00\xff"}, (), id="any-text"),
        pytest.param(Kind.INCOMING, INCOMING, (b"79037654321",), id="own-number"),
        pytest.param(Kind.INCOMING, INCOMING | {"to": b"1234"}, (), id="service-number"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"900"}, (b"79037654321",), id="short-code-to-own-number"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"MTC.Info"}, (b"79037654321",), id="name-to-own-number"),
        pytest.param(
            Kind.INCOMING, INCOMING | {"phone": b"900", "to": b"1234"}, (b"1234",), id="short-code-to-4-digits"
        ),
        pytest.param(
            Kind.INCOMING,
            INCOMING | {"phone": b"900", "to": b"+79037654321"},
            (b"79037654321",),
            id="plus-of-own-number",
        ),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"1234567"}, (), id="shortest-phone"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"1" * 15, "status": b"-999"}, (), id="longest-phone-and-status"),
        pytest.param(Kind.INCOMING, INCOMING | {"to": b"1" * 15}, (), id="longest-to"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"ts": b"999999999"}, (), id="shortest-ts"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"@shop_client"}, (), id="messenger-name"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"#123456"}, (), id="messenger-id"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION, (), id="confirmation"),
    ],
)
def test_what_the_provider_sends_has_its_shape(kind, fields, numbers):
    check_shape(kind, fields, inbound_numbers=numbers)


@pytest.mark.parametrize(
    ("kind", "fields", "numbers"),
    [
        pytest.param(Kind.STATUS, STATUS | {"id": b""}, (), id="id-empty"),
        pytest.param(Kind.STATUS, STATUS | {"id": b"1e9"}, (), id="id-not-decimal"),
        pytest.param(Kind.STATUS, STATUS | {"id": b"-5"}, (), id="id-negative"),
        pytest.param(Kind.STATUS, STATUS | {"id": b"2147483648"}, (), id="id-too-large"),
        pytest.param(Kind.STATUS, STATUS | {"id": "١".encode()}, (), id="id-other-digits"),
        pytest.param(Kind.STATUS, STATUS | {"status": b"1\n"}, (), id="status-with-newline"),
        pytest.param(Kind.STATUS, STATUS | {"status": b"1000"}, (), id="status-too-long"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"1042"}, (), id="phone-too-short"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"123456"}, (), id="phone-of-6-digits"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"1" * 16}, (), id="phone-of-16-digits"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"a:b@c"}, (), id="colon-in-address"),
        pytest.param(Kind.STATUS, {k: v for k, v in STATUS.items() if k != "phone"}, (), id="phone-missing"),
        pytest.param(Kind.INCOMING, INCOMING | {"to": b"1"}, (), id="to-too-short"),
        pytest.param(Kind.INCOMING, INCOMING | {"to": b"12"}, (), id="to-of-2-digits"),
        pytest.param(Kind.INCOMING, INCOMING | {"to": b"1" * 16}, (), id="to-of-16-digits"),
        pytest.param(Kind.INCOMING, INCOMING, (b"79001230000",), id="somebody-elses-number"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"ts": b"1"}, (), id="ts-too-short"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"ts": b"1" * 8}, (), id="ts-of-8-digits"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"ts": b"1" * 11}, (), id="ts-of-11-digits"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"900"}, (), id="short-code-without-own-numbers"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"900"}, (b"79001230000",), id="short-code-to-another"),
        pytest.param(
            Kind.INCOMING,
            INCOMING | {"phone": b"900", "to": b"200"},
            (b"200",),
            id="short-code-to-what-a-status-can-be",
        ),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"a:b"}, (b"79037654321",), id="colon-in-name"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"a" * 16}, (b"79037654321",), id="name-too-long"),
        pytest.param(Kind.INCOMING, INCOMING | {"phone": b"@client"}, (b"79037654321",), id="messenger-name-of-an-sms"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"900"}, (b"79037654321",), id="status-of-a-short-code"),
        pytest.param(Kind.STATUS, STATUS | {"phone": b"@a:b"}, (), id="colon-in-messenger-name"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"phone": b"900"}, (b"79037654321",), id="call-of-a-short-code"),
        pytest.param(Kind.CONFIRMATION, CONFIRMATION | {"phone": b"@client"}, (), id="call-of-a-messenger-name"),
    ],
)
def test_a_signed_field_of_another_shape_is_refused(kind, fields, numbers):
    with pytest.raises(MisshapenCallback):
        check_shape(kind, fields, inbound_numbers=numbers)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [((), "set inbound_numbers of the account"), ((b"79001230000",), "inbound_numbers of 4 or more digits")],
)
def test_a_short_code_that_is_refused_says_what_would_let_it_in(numbers, words):
    with pytest.raises(MisshapenCallback, match=words) as refusal:
        check_shape(Kind.INCOMING, INCOMING | {"phone": b"SECRETNAME"}, inbound_numbers=numbers)
    assert "SECRETNAME" not in str(refusal.value)
