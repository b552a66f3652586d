"""What the provider does not document, row by row of our list: how each is tolerated, shown through the code itself."""

from __future__ import annotations

import hashlib
import re
import zlib
from datetime import timedelta

import pytest
from receiving import Receiver, collected, published
from serving import serving
from signing import SECRET, confirmation_body, form, incoming_body, md5_of, status_body

from smsanalytics.errors import BadSignature
from smsanalytics.smsc.call import CallFields
from smsanalytics.smsc.callback import Terms, read
from smsanalytics.smsc.kinds import Kind

TERMS = Terms({"2026": SECRET.encode()})
ONE, TWO, OURS = "79001230001", "79001230002", "79001230000"
SEVEN = 1795244400  # 2026-11-21 07:00 UTC, 10:00 in Moscow
STATUS = f"1042:{ONE}:1:{SECRET}".encode()


def rows(relation, columns):
    return relation.select(columns).fetchall()


@pytest.mark.parametrize(
    ("body", "kind", "fields"),
    [
        pytest.param(status_body(1042, new="x"), Kind.STATUS, {"message_id": "1042", "phone": ONE, "status": "1"}, id="status"),
        pytest.param(incoming_body(ONE, "Да", new="x"), Kind.INCOMING, {"phone": ONE, "text": "Да", "to_number": OURS}, id="incoming"),
        pytest.param(confirmation_body(ONE, SEVEN, new="x"), Kind.CONFIRMATION, {"phone": ONE, "called_at": str(SEVEN)}, id="confirmation"),
    ],
)  # fmt: skip
def test_row_01_what_is_hashed_is_enough_and_a_field_nobody_knows_is_kept(body, kind, fields):
    [callback] = read(body, TERMS)
    assert (callback.kind, callback.fields, callback.extra) == (kind, fields, {"new": "x"})


def test_row_02_keys_of_a_voice_menu_are_called_as_the_account_says_and_nothing_is_dropped(tmp_path):
    pressed = form({"call": 1042, "abonent": ONE, "dtmf": "21", "seconds": 30})
    named = {"call_events": {"keys": "dtmf", "phone": "abonent", "message_id": "call"}}
    with Receiver(tmp_path, named=named, unnamed={}) as collector:
        answers = collector.post_all([("/callback/named", pressed), ("/callback/unnamed", pressed)], at=SEVEN)
    assert answers == [200, 400]
    [(*call, extra)] = rows(collector.store.call_events(), "message_id, phone, keys, signed_by, extra")
    assert (call, extra) == ([1042, ONE, "21", "none"], {"seconds": "30"})
    assert rows(collector.store.rejected(), "account, reason, body") == [("unnamed", "structure", pressed)]
    as_a_status = form({"id": 1042, "phone": ONE, "keys": "2", "md5": md5_of(1042, ONE, "")})
    assert read(as_a_status, Terms(TERMS.secrets, call_events=CallFields("keys")))[0].signed_by == "none"


ONE_EVENT = {"message_id": "1042", "phone": ONE, "status": "1"}
MD5 = md5_of(1042, ONE, 1)
OBJECT = f'{{"id": 1042, "phone": "{ONE}", "status": 1, "md5": "{MD5}"}}'
ELEMENTS = f"<id>1042</id><phone>{ONE}</phone><status>1</status><md5>{MD5}</md5>"


@pytest.mark.parametrize(
    "body",
    [
        OBJECT,
        OBJECT.replace("1042", '"1042"'),
        f"[{OBJECT}]",
        f'{{"anything": {OBJECT}}}',
        f'{{"anything": [{OBJECT}]}}',
        f'{{"md5": "{MD5}", "event": {{"id": 1042, "phone": "{ONE}", "status": 1}}}}',
        f"  \r\n{OBJECT}",
        f"<sms>{ELEMENTS}</sms>",
        f"<anything><whatever>{ELEMENTS}</whatever></anything>",
        f'<?xml version="1.0"?><sms id="1042" phone="{ONE}" status="1" md5="{MD5}"/>',
        f"<callback><md5>{MD5}</md5><sms><id>1042</id><phone>{ONE}</phone><status>1</status></sms></callback>",
    ],
)
def test_row_03_xml_and_json_are_read_under_any_root_wherever_the_hash_sits(body):
    assert [callback.fields for callback in read(body.encode(), TERMS)] == [ONE_EVENT]


def test_row_03_several_events_and_echoed_parameters_beside_them():
    other = OBJECT.replace("1042", "1043").replace(MD5, md5_of(1043, ONE, 1))
    found = read(f'{{"order": "A-17", "events": [{OBJECT}, {other}]}}'.encode(), TERMS)
    assert [(callback.fields["message_id"], callback.extra) for callback in found] == [("1042", {"order": "A-17"}), ("1043", {"order": "A-17"})]  # fmt: skip


NOTATIONS = {
    "unsigned": lambda crc: f"{crc}",
    "signed": lambda crc: f"{crc - 2**32 if crc >= 2**31 else crc}",
    "hex": lambda crc: f"{crc:x}",
    "hex-in-capitals": lambda crc: f"{crc:X}",
    "hex-of-eight-digits": lambda crc: f"{crc:08x}",
}


@pytest.mark.parametrize("notation", NOTATIONS)
def test_row_04_crc32_in_every_notation_and_hashes_in_any_case(notation):
    terms = Terms(TERMS.secrets, algorithms=("md5", "crc32"))
    for number in range(1000, 1060):  # among them some whose hash begins with a zero, or is negative
        signed = f"{number}:{ONE}:1:{SECRET}".encode()
        md5, sha1 = (hashlib.new(name, signed).hexdigest() for name in ("md5", "sha1"))
        body = {"id": number, "phone": ONE, "status": 1, "md5": md5.upper(), "sha1": sha1.title()}
        crc = zlib.crc32(signed)
        assert read(form(body | {"crc32": NOTATIONS[notation](crc)}), terms)[0].signed_by == "md5+crc32"
        assert read(form(body), TERMS)[0].signed_by == "md5+sha1"
        with pytest.raises(BadSignature):
            read(form(body | {"crc32": NOTATIONS[notation](crc ^ 1)}), terms)


@pytest.mark.parametrize("sent", ["windows-1251", "utf-8", "koi8-r"])
@pytest.mark.parametrize("hashed", ["windows-1251", "utf-8", "koi8-r"])
def test_row_05_a_text_verifies_whichever_of_the_three_charsets_was_hashed(sent, hashed):
    fields = {"phone": ONE, "mes": "Привет", "to": OURS, "md5": md5_of(ONE, "Привет", OURS, charset=hashed)}
    assert read(form(fields, sent), Terms(TERMS.secrets, charset=sent))[0].fields["text"] == "Привет"
    with pytest.raises(BadSignature):
        read(form(fields | {"mes": "Привед"}, sent), Terms(TERMS.secrets, charset=sent))


@pytest.mark.parametrize(
    ("came", "demanded", "accepted"),
    [
        pytest.param({"md5": True}, (), True, id="one"),
        pytest.param({"md5": True, "sha1": True}, (), True, id="both"),
        pytest.param({"md5": True, "sha1": False}, (), False, id="one-of-them-wrong"),
        pytest.param({}, (), False, id="none"),
        pytest.param({"md5": True, "sha1": True}, ("md5", "sha1"), True, id="both-demanded"),
        pytest.param({"md5": True}, ("md5", "sha1"), False, id="one-of-them-absent"),
        pytest.param({"md5": True, "sha1": False}, ("md5",), True, id="wrong-beside-what-is-demanded"),
    ],
)
def test_row_06_every_hash_that_came_must_be_right_and_all_that_are_demanded_must_come(came, demanded, accepted):
    hashes = {name: hashlib.new(name, STATUS).hexdigest() if right else "0" * 32 for name, right in came.items()}
    body, terms = form({"id": 1042, "phone": ONE, "status": 1, **hashes}), Terms(TERMS.secrets, algorithms=demanded)
    if accepted:
        assert read(body, terms)
    else:
        with pytest.raises(BadSignature):
            read(body, terms)


def test_row_07_a_query_string_is_no_part_of_a_callback_and_reaches_neither_log_nor_disk(tmp_path):
    query = f"/callback?md5={SECRET}&status=20&note=querysecret"
    with serving(tmp_path / "data", "--no-maintain") as collector:
        assert collector.post(status_body(1042), query) == 200
        assert collector.post(b"id=1042&phone=79001230001&status=1", f"/callback?md5={MD5}&note=querysecret") == 403
        assert collector.post(b"x", f"/nothing{query}") == 404
        assert collector.stop() == 0
    assert rows(published(tmp_path / "data").statuses(), "status, cardinality(extra)") == [(1, 0)]
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(word in content for content in written for word in (SECRET.encode(), b"querysecret"))


def test_row_08_a_callback_told_again_is_answered_alike_and_changes_no_figure(tmp_path):
    told = [status_body(1042, ONE, 0, ts=SEVEN), status_body(1042, ONE, 1, ts=SEVEN + 7), incoming_body(ONE, "Да", ts=SEVEN + 9)]  # fmt: skip
    with Receiver(tmp_path, once={}, thrice={}) as collector:
        for second, (account, body) in enumerate(
            [("once", body) for body in told] + [("thrice", body) for body in told * 3]
        ):
            answer = collector.request("POST", f"/callback/{account}", body, at=SEVEN + 10 + second)
            assert (answer.status, answer.text, answer.headers["content-type"]) == (200, "OK", "text/plain; charset=utf-8")  # fmt: skip
    for figure in ("latency", "inbound_volume"):
        found = getattr(collector.store, figure)(["account"]).set_index("account")
        once, thrice = found.loc["once"], found.loc["thrice"]
        assert once.equals(thrice), figure


def test_row_09_no_address_is_filtered_and_the_one_of_a_refused_callback_is_kept(tmp_path):
    with Receiver(tmp_path) as collector:
        for number, remote in enumerate(("203.0.113.7", "2001:db8::7"), start=1):
            collector.remote = remote
            assert collector.post(status_body(number), at=SEVEN) == 200
            assert collector.post(status_body(number, secret="other"), at=SEVEN) == 403
    assert rows(collector.store.statuses().order("message_id"), "message_id") == [(1,), (2,)]
    assert {remote for (remote,) in rows(collector.store.rejected(), "remote")} == {"203.0.113.7", "2001:db8::7"}


ON_THE_WAY = [  # codes in the order of their times, the state of the message, the order of receipt being another
    ([-1, 0, 1], "delivered"), ([1], "delivered"), ([1, 0, -1], "delivered"), ([2, 1, 0], "delivered"), ([1, 20], "delivered"),
    ([20, 0], "failed"), ([-1, 0], "pending"), ([33, 0], "unknown"),
]  # fmt: skip


def test_row_10_statuses_on_the_way_may_come_or_not_in_any_order_and_never_take_an_outcome_back(tmp_path):
    bodies = [status_body(10 * number + backwards, ONE, code, ts=SEVEN + second)
              for number, (codes, _) in enumerate(ON_THE_WAY, start=1) for backwards in (0, 1)
              for second, code in list(enumerate(codes))[:: -1 if backwards else 1]]  # fmt: skip
    found = rows(collected(tmp_path, *bodies, at=SEVEN + 60).messages().order("message_id"), "state")
    assert found == [(state,) for _, state in ON_THE_WAY for _ in (0, 1)]


def test_row_11_numbers_that_no_list_explains_are_kept_and_shown_as_unknown(tmp_path):
    store = collected(tmp_path, status_body(1, ONE, 77, err=99, type=13, flag=1032, syserr=5, ts=SEVEN), status_body(2, ONE, 1, type=9, ts=SEVEN),
                      status_body(3, ONE, 20, err=99, ts=SEVEN), at=SEVEN + 1)  # fmt: skip
    kept = rows(store.statuses().order("message_id"), "status, err, type, flag, extra")
    assert kept == [(77, 99, 13, 1032, {"syserr": "5"}), (1, None, 9, None, {}), (20, 99, None, None, {})]
    assert rows(store.messages().order("message_id"), "state, status") == [("unknown", 77), ("delivered", 1), ("failed", 20)]  # fmt: skip
    assert store.failure_mix()[["status", "err", "n"]].to_numpy().tolist() == [[20, 99, 1]]


TIMES = {  # zone of the account, fields, seconds after seven, where they are from
    "number-before-text": (None, {"ts": SEVEN + 5, "time": "21.11.2026 09:00:00"}, 5, "ts"),
    "moscow-by-default": (None, {"time": "21.11.2026 10:00:05"}, 5, "time"),
    "zone-of-the-account": ("Asia/Almaty", {"time": "21.11.2026 12:00:05"}, 5, "time"),
    "iso": (None, {"time": "2026-11-21 10:00:05"}, 5, "time"),
    "iso-with-t": (None, {"time": "2026-11-21T10:00:05"}, 5, "time"),
    "no-time": (None, {"time": "November"}, 60, "received"),
    "nothing": (None, {}, 60, "received"),
}


def test_row_12_the_number_is_preferred_and_a_text_is_read_in_the_zone_of_the_account(tmp_path):
    with Receiver(
        tmp_path, **{name: {"zone": zone} if zone else {} for name, (zone, *_) in TIMES.items()}
    ) as collector:
        for name, (_, fields, *_) in TIMES.items():
            assert collector.post(status_body(1042, ONE, 1, **fields), f"/callback/{name}", at=SEVEN + 60) == 200
    found = rows(collector.store.statuses(), "account, epoch(status_at)::BIGINT, time_source")
    assert sorted(found) == sorted((name, SEVEN + seconds, source) for name, (*_, seconds, source) in TIMES.items())


def test_row_13_of_a_long_incoming_sms_each_post_is_kept_and_none_is_joined(tmp_path):
    parts = [incoming_body(ONE, part, id=7, ts=SEVEN) for part in ("Первая часть, ", "вторая часть")]
    store = collected(tmp_path, *parts, at=SEVEN + 1)
    assert rows(store.incoming().order("received_at"), "text, copies") == [("Первая часть, ", 1), ("вторая часть", 1)]
    assert store.inbound_volume([])[["incoming", "senders"]].to_numpy().tolist() == [[2, 1]]


def test_row_14_the_message_that_a_reply_refers_to_is_kept_and_tells_no_two_replies_apart(tmp_path):
    told = [incoming_body(ONE, "Да", ts=SEVEN, **reference) for reference in ({"sms_id": 1042}, {}, {"sms_id": 5})]
    assert rows(collected(tmp_path, *told, at=SEVEN + 1).incoming(), "copies, extra") == [(3, {"sms_id": "1042"})]


def test_row_15_a_phone_is_hashed_as_it_came_and_found_by_its_digits(tmp_path):
    phones = (ONE, "+" + ONE, "User@Example.com")
    store = collected(tmp_path, *(status_body(1042, phone, 0, ts=SEVEN) for phone in phones), at=SEVEN + 1)
    assert rows(store.messages().order("phone"), "phone") == [(ONE,), ("user@example.com",)]
    assert {extra.get("phone") for (extra,) in rows(store.statuses(), "extra")} == {None, "+" + ONE, "User@Example.com"}
    with pytest.raises(BadSignature):
        read(form({"id": 1042, "phone": "+" + ONE, "status": 0, "md5": md5_of(1042, ONE, 0)}), TERMS)


def test_row_15_who_it_is_in_a_messenger_is_kept_as_it_came(tmp_path):
    phones = ("@Some_one", "#79001230001")
    store = collected(tmp_path, *(status_body(1042, phone, 0, ts=SEVEN) for phone in phones), at=SEVEN + 1)
    assert rows(store.messages().order("phone"), "phone") == [("#79001230001",), ("@some_one",)]


@pytest.mark.parametrize("phone", ["someone", "900", "@some one", "@some:one", "@"])
def test_row_15_what_is_neither_a_phone_nor_an_address_is_refused_and_kept(tmp_path, phone):
    """Its shape would let one hash fit two kinds of callback."""
    with Receiver(tmp_path) as collector:
        assert collector.post(status_body(1042, phone), at=SEVEN) == 400
    assert rows(collector.store.rejected(), "reason, body") == [("structure", status_body(1042, phone))]


def test_row_16_another_method_than_post_is_answered_with_the_one_that_is_allowed(tmp_path):
    with Receiver(tmp_path) as collector:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = collector.request(method, f"/callback?{status_body(1042).decode()}", status_body(1042), at=SEVEN)
            assert (answer.status, answer.headers["allow"]) == (405, "POST"), method
    assert (rows(collector.store.statuses(), "phone"), rows(collector.store.rejected(), "reason")) == ([], [])


def test_row_17_the_first_call_within_the_window_confirms_and_later_ones_are_counted(tmp_path):
    asked = b'{"phone": "%s", "requested_at": %d}\n{"phone": "%s", "requested_at": %d}' % (ONE.encode(), SEVEN, TWO.encode(), SEVEN)  # fmt: skip
    calls = [(ONE, 20), (ONE, 90), (TWO, 400)]
    with Receiver(tmp_path) as collector:
        assert collector.tell("/confirmation-requests", asked, at=SEVEN) == 200
        for phone, seconds in calls:
            assert collector.post(confirmation_body(phone, SEVEN + seconds), at=SEVEN + seconds + 1) == 200

    def found(**window):
        row = collector.store.confirmation_success([], as_of="2026-11-22", **window).iloc[0]
        return [int(row[name]) for name in ("requests", "confirmed", "expired", "p50", "calls", "unrequested_calls")]

    assert found() == [2, 1, 1, 20, 3, 2]
    assert found(window=timedelta(minutes=10)) == [2, 2, 0, 20, 3, 1]


@pytest.mark.parametrize("name", ["cn", "net", "rcn", "rnet"])
def test_row_18_a_name_of_an_hlr_result_is_decoded_once_more_only_where_something_is_left_to_decode(name):
    for sent in ("Russian Federation", "Russian+Federation", "Russian%20Federation"):
        assert read(status_body(1042, **{name: sent}), TERMS)[0].extra[name] == "Russian Federation"
    for kept in ("100% Mobile", "A&T", "МТС"):
        assert read(status_body(1042, **{name: kept}), TERMS)[0].extra[name] == kept
    assert read(status_body(1042, sender="A+B%20C"), TERMS)[0].fields["sender"] == "A+B%20C"


def test_every_row_has_its_test():
    rows_tested = {int(found[1]) for name in globals() if (found := re.match(r"test_row_(\d\d)_", name))}
    assert rows_tested == set(range(1, 19))
