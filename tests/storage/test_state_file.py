"""A state file that is damaged is never taken for true."""

from __future__ import annotations

import pytest

from smsanalytics.storage.state_file import decoded, encoded

CONTENT = {"version": 3, "generations": {"2026-11-21": 1}}


def test_what_was_written_is_read():
    assert decoded(encoded(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"3",
        b'{"version": 3}',
        encoded(CONTENT)[:-1],
        encoded(CONTENT).replace(b"11-21", b"11-22"),
        encoded(CONTENT).replace(b'"checksum"', b'"checksums"'),
    ],
)
def test_what_is_damaged_or_has_no_checksum_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        decoded(text)


def test_an_older_one_may_lack_the_checksum_and_none_may_have_a_wrong_one():
    assert decoded(b'{"version": 2}', required=False) == {"version": 2}
    with pytest.raises(ValueError, match="checksum"):
        decoded(encoded(CONTENT).replace(b"11-21", b"11-22"), required=False)
