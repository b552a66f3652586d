import tracemalloc
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsanalytics.smsc.percent import unquoted


@given(st.binary() | st.lists(st.sampled_from([b"%", b"%4", b"%41", b"%cF", b"+", b"a", b"%%", b"\xff"])).map(b"".join))
def test_it_is_undone_as_the_standard_library_does(text):
    assert unquoted(text) == unquote_to_bytes(text)


@pytest.mark.parametrize("text", [b"%d0" * 80_000, b"%d0a" * 60_000, b"%d0ab" * 48_000, b"%" * 240_000])
def test_the_largest_body_takes_little_memory(text):
    tracemalloc.start()
    unquoted(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * 2**20
