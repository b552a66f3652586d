"""What is said of refused callbacks helps, gives nothing personal away, and does nothing to a terminal."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from refusing import NOON, RIGHT, WRONG, account_of, looked_at, recover, refused
from signing import SECRET, confirmation_body, form, incoming_body, status_body

from smsanalytics.ops.replay import Retried, judge
from smsanalytics.ops.replay_output import OPEN, advice, grouped, outcome, overview, shown
from smsanalytics.smsc.callback import Terms
from smsanalytics.storage.rejected import Refused

UTC = ZoneInfo("UTC")
MOSCOW = ZoneInfo("Europe/Moscow")


def shown_of(body, account=RIGHT["default"], *, unmasked=False, **how):
    one = Refused(
        **{
            "account": "default",
            "received_at": NOON * 10**6,
            "reason": "signature",
            "remote": "192.0.2.1",
            "body": body,
        }
        | how
    )
    return shown(judge(one, account, set()), account, UTC, unmasked=unmasked)


def test_an_overview_says_how_many_of_what_and_what_to_do(tmp_path):
    posts = [status_body(1), status_body(2), status_body(3, secret="forged"), form({"id": "x"}), b"{", status_body(4)]
    data = tmp_path / "data"
    for number, body in enumerate(posts):
        refused(data, body, at=NOON + 60 * number, status=400 if number in (3, 4) else 403)
    groups = grouped(looked_at(data))
    assert overview(groups, MOSCOW).to_dict("split", index=False)["data"] == [
        ["default", "signature", 4, 0, 3, "2026-11-22T15:00:00+03:00", "2026-11-22T15:05:00+03:00", "192.0.2.1", 1],
        ["default", "malformed", 1, 0, 0, "2026-11-22T15:04:00+03:00", "2026-11-22T15:04:00+03:00", "192.0.2.1", 1],
        ["default", "structure", 1, 0, 0, "2026-11-22T15:03:00+03:00", "2026-11-22T15:03:00+03:00", "192.0.2.1", 1],
    ]
    assert list(advice(groups, MOSCOW)) == [
        "3 callbacks of account default were refused as not authentic since 2026-11-22 15:00 Europe/Moscow and would be accepted now: run `smsanalytics rejected retry`",
        "1 callback of account default was refused as not authentic, the last at 2026-11-22 15:05 Europe/Moscow, and would be refused again: forged, or signed with a secret that is not in the settings; to try one, `smsanalytics rejected retry --dry-run --secret-file FILE`",
        "1 callback of account default was refused as unreadable, the last at 2026-11-22 15:04 Europe/Moscow, and would be refused again: see `smsanalytics rejected show --reason malformed`",
        "1 callback of account default was refused for a field that is missing or has not the shape it must have, the last at 2026-11-22 15:03 Europe/Moscow, and would be refused again: see `smsanalytics rejected show --reason structure`",
    ]  # fmt: skip
    first = next(outcome(recover(data), dry_run=False))
    assert first == "recovered 3 callbacks of account default, accepted by the secret 2026"
    [signature, *_] = grouped(looked_at(data, {}))  # also where the secret is gone again
    assert (signature.callbacks, signature.recovered, signature.acceptable, signature.rest) == (4, 3, 0, 1)


def test_nothing_to_do_is_said():
    assert list(advice([], UTC)) == []
    assert list(outcome(Retried(), dry_run=True)) == ["there is nothing to recover"]
    assert list(overview([], UTC).columns)[:3] == ["account", "reason", "callbacks"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (status_body(1042, sender="SHOP", ts=1795348800), "a delivery status, 97 bytes\n    id 1042 · phone *********01 · status 1 · sender 4 characters · ts 1795348800 · md5 32 hex digits\n    would be accepted now by the secret 2026: run `smsanalytics rejected retry`"),
        (incoming_body("+79001230001", "1234"), "an incoming SMS, 81 bytes\n    phone **********01 · mes 4 characters · to *********00 · md5 32 hex digits\n    would be accepted now by"),
        (confirmation_body("79001230001", 1795348800), "a confirmation call, 79 bytes\n    waitcall 1 · phone *********01 · ts 1795348800 · md5"),
        (b"id=79001230001&phone=+7 900&status=1", "id 11 characters · phone 6 characters · status 1\n    would be refused again: field id of a callback of kind status needs 1 to 10 digits"),
        (b"79001230001=1&status=1", "(a name of 11 characters) 1 character · status 1\n    would be refused again: field id did not come"),
        (b"id=1&phone=79001230001&status=1&md5=not-yet-known-secret", "status 1 · md5 20 characters\n    would be refused again: none of the configured secrets made this hash"),
        (b"mes=1&status=1", "an incoming SMS and a delivery status at once"),
        (b"{", "1 byte that cannot be read\n    would be refused again: the body begins like JSON and is none"),
        (b'[{"id": 1}, {"id": 2}]', "a delivery status\n    id 1\n    a delivery status\n    id 2\n"),
    ],
    ids=str,
)  # fmt: skip
def test_a_refused_callback_is_shown_with_what_is_wrong_and_nothing_personal(body, said):
    text = shown_of(body)
    assert text.startswith("2026-11-22 12:00:00.000000 +0000 · account default · signature · from 192.0.2.1\n")
    assert said in text


def test_unmasked_shows_phones_and_texts_but_nothing_a_secret_could_be_guessed_by():
    text = shown_of(incoming_body("79001230001", "Привет", charset="utf-8"), unmasked=True)
    assert "charset utf-8 · phone 79001230001 · mes Привет · to 79001230000 · md5 32 hex digits" in text
    assert "md5 20 characters" in shown_of(b"id=1&md5=not-yet-known-secret", unmasked=True)


HOSTILE = st.binary(max_size=80) | st.builds(
    lambda name, value, more: form({"phone": "79001230001", name: value}, "utf-8") + more,
    st.text(max_size=8) | st.sampled_from([*OPEN, "to", "mes", "md5"]),
    st.sampled_from(
        ["\x1b[2J", "\x9b31m", "\u202e", "\x07", "<script>", "79001239876", "9001239876", "\r\nfrom root", "\0"]
    ),
    st.binary(max_size=10),
)


@given(HOSTILE, st.booleans(), st.text(max_size=10))
def test_whatever_a_body_holds_a_terminal_is_only_shown_text(body, unmasked, remote):
    for account in (RIGHT["default"], account_of(Terms({}, charset="utf-8")), None):
        text = shown_of(body, account, unmasked=unmasked, remote=remote, reason="structure")
        assert all(sign == "\n" or sign.isprintable() for sign in text)
        assert all(line.startswith("    ") for line in text.split("\n")[1:])
        if not unmasked:
            assert not re.search(r"900123[0-9]{4}", text.partition("\n")[2])


@pytest.mark.parametrize("name", [*OPEN, "mes", "order", "md5", "sha1"])
@pytest.mark.parametrize("phone", ["79001239876", "+79001239876", "9001239876", "user@example.com"])
def test_no_field_gives_a_phone_away(name, phone):
    assert phone not in shown_of(form({name: phone}))


def test_a_body_of_very_much_is_shown_in_part():
    many = b"[" + b",".join(b'{"id": %d}' % n for n in range(900)) + b"]"
    assert shown_of(many).endswith(
        "and 895 more events\n    would be refused again: field phone did not come; it is signed in a callback of kind status"
    )
    wide = b"&".join(b"a%d=%s" % (n, b"x" * 1000) for n in range(150))
    text = shown_of(wide, unmasked=True)
    assert " · 110 more\n" in text
    assert len(text) < 20_000


def test_no_secret_is_shown_anywhere(tmp_path):
    posts = [status_body(1, note=SECRET), status_body(2, note=WRONG["secrets"]["2026"])]
    for one in looked_at(refused(tmp_path / "data", *posts)):
        assert WRONG["secrets"]["2026"] not in shown(one, RIGHT["default"], UTC, unmasked=True)
        assert SECRET not in repr(one) + repr(RIGHT)
