"""National numbers become international where the account says how, and are counted where it does not."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest
from serving import maintain

import smsanalytics as sms
from smsanalytics.codes.numbering import Numbering
from smsanalytics.errors import SettingsError
from smsanalytics.settings import load

RUSSIAN = '[accounts.default]\ncountry_code = "7"\ntrunk_prefix = "8"\n'
GIVEN = ["89001230001", "9001230002", "79001230003", "+84912345678", "8 (900) 123-00-04"]
STORED = ["79001230001", "79001230002", "79001230003", "79001230004", "84912345678"]
TO_SET = 'set country_code and trunk_prefix in [accounts.default], such as "7" and "8"'
UNDONE = f"3 national numbers of account default were stored as given, so that no callback will match; {TO_SET}"
DONE = "3 national numbers of account default were stored with the country code"


@pytest.mark.parametrize(
    ("numbering", "phone", "international"),
    [
        (Numbering("7", "8"), "89001230001", "79001230001"), (Numbering("7", "8"), "9001230001", "79001230001"), (Numbering("7"), "89001230001", "89001230001"),
        (Numbering("7", "8"), "+89001230001", "+89001230001"), (Numbering("7", "8"), "380501230001", "380501230001"), (Numbering("7", "8"), "8900123000", "78900123000"),
        (Numbering("380", "0", 9), "0501230001", "380501230001"), (Numbering("380", "0", 9), "380501230001", "380501230001"), (Numbering("1", "1"), "12025550100", "12025550100"),
        (Numbering("7", "8"), "@89001230", "@89001230"), (Numbering("7", "8"), "a@example.com", "a@example.com"), (Numbering("7", "8"), "٨٩٠٠١٢٣٠٠٠١", "٨٩٠٠١٢٣٠٠٠١"),
    ],
)  # fmt: skip
def test_a_number_is_national_by_its_length_and_never_with_a_plus(numbering, phone, international):
    assert numbering.international(phone) == international


def run(directory, *arguments):
    command = [sys.executable, "-m", "smsanalytics", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory)


def phones(data):
    return [phone for (phone,) in sms.open_store(data).sends().select("phone").order("phone").fetchall()]


@pytest.mark.parametrize(
    ("settings", "notice", "stored"),
    [
        (RUSSIAN, DONE, STORED),
        ("", UNDONE, sorted(["89001230001", "9001230002", "79001230003", "84912345678", "89001230004"])),
    ],
)
def test_an_import_says_what_it_did_with_national_numbers(tmp_path, settings, notice, stored):
    (tmp_path / "smsanalytics.toml").write_text(settings)
    rows = "\n".join(f"{number};{phone};1795348800" for number, phone in enumerate(GIVEN, start=1))
    (tmp_path / "sends.csv").write_text(f"message_id;phone;sent_at\n{rows}\n")
    done = run(tmp_path, "import", "sends", "sends.csv")
    assert (done.returncode, done.stderr.splitlines()[0]) == (0, f"smsanalytics: {notice}")
    assert phones(tmp_path / "data") == stored


def test_python_is_warned_or_told_how(own_store):
    store = sms.open_store(own_store)
    frame = pd.DataFrame({"message_id": 1, "phone": GIVEN, "sent_at": "22.11.2026 12:00", "note": "x"})
    warned = r"3 national numbers .* will match; give numbering=sms.Numbering\('7', '8'\)$"
    with pytest.warns(UserWarning, match=warned), pytest.warns(UserWarning, match="left out .*'note'; strict=True ref"):
        store.append_sends(frame, tz="Europe/Moscow")
    frame = frame.drop(columns="note")
    assert store.append_sends(frame, tz="Europe/Moscow", strict=True, numbering=sms.Numbering("7", "8")) == len(GIVEN)
    asked = pd.DataFrame({"phone": ["89001230009"], "requested_at": ["22.11.2026 12:00"]})
    assert store.append_confirmation_requests(asked, tz="Europe/Moscow", numbering=sms.Numbering("7", "8")) == 1
    maintain(own_store)
    assert set(STORED) <= set(phones(own_store))
    asked = store.confirmation_requests().select("phone").fetchall()
    assert ("79001230009",) in asked


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('trunk_prefix = "8"', "trunk_prefix goes with country_code"), ('country_code = "+7"', "accounts.shop.country_code"),
        ('country_code = "380"\nnational_length = 13', "more than the 15 digits of a number"),
    ],
)  # fmt: skip
def test_settings_that_make_no_number_are_refused(tmp_path, lines, words):
    (tmp_path / "a.toml").write_text(f"[accounts.shop]\n{lines}\n")
    with pytest.raises(SettingsError, match=words):
        load(tmp_path / "a.toml")
