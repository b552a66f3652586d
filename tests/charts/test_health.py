import figures

from smsanalytics import charts


def test_each_check_says_n_of_all_in_words():
    drawn = charts.data_health(figures.data_health([])).to_dict()["layer"]
    said = {row["_check"]: row["_text"].replace("\u202f", " ") for row in drawn[-1]["data"]["values"]}
    assert said == {
        "sends that got a status (coverage)": "99.0 %\u20039 700 of 9 800",
        "callbacks that came again": "0.03 %\u200312 of 41 234",
        "confirmation calls with a stale time": "—\u2003none to count",
        "callbacks refused": "—\u200314, of how many is not known",
    }
    assert len(drawn[1]["data"]["values"]) == 2


def test_small_shares_can_be_seen():
    x = charts.data_health(figures.data_health([]), lang="ru").to_dict()["layer"][1]["encoding"]["x"]
    assert x["scale"]["type"] == "symlog"
    assert "'0.0001': '0,01\u202f%'" in x["axis"]["labelExpr"]


def test_over_time_checks_are_rows_of_cells():
    drawn = charts.data_health(figures.data_health(["day"])).to_dict()["layer"]
    assert {layer["mark"]["type"] for layer in drawn} == {"rect"}
    assert drawn[0]["encoding"]["y"]["scale"]["domain"][0] == "sends that got a status (coverage)"


def test_a_check_without_a_label_keeps_its_name():
    frame = figures.data_health([])
    frame.loc[0, "check"] = "brand_new"
    rows = charts.data_health(frame).to_dict()["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert rows[-1] == "brand_new"
