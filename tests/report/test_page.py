import pandas as pd

from smsanalytics.report.page import Section, render

HOSTILE = "</script><img src=x onerror=alert(1)>"


def test_a_page_needs_no_network_and_runs_no_script():
    page = render("Title", [Section("Part", "Words", table=pd.DataFrame({"a": [1]}))], summary="One sentence")
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert page.count("<td>1</td>") == 1


def test_hostile_texts_are_escaped_everywhere():
    page = render(HOSTILE, [Section(HOSTILE, HOSTILE, table=pd.DataFrame({HOSTILE: [HOSTILE]}))], summary=HOSTILE)
    assert "<img" not in page
