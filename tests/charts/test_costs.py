import figures

from smsanalytics import charts


def test_one_account_goes_below_the_title_and_several_are_groups():
    one = charts.cost(figures.cost(["day"], account=["shop"])).to_dict()["title"]
    assert one["text"] == "Cost per delivered message by day"
    assert "account shop" in one["subtitle"][1]
    several = charts.cost(figures.cost(["day"])).to_dict()["title"]
    assert several["text"] == "Cost per delivered message by account and day"
    assert "accounts may have different currencies: compare within one only" in several["subtitle"]


def test_costs_that_are_not_known_are_counted():
    assert (
        "сообщений, чья стоимость неизвестна: 4"
        in charts.cost(figures.cost([]), lang="ru").to_dict()["title"]["subtitle"]
    )


def test_a_cost_has_its_number_of_messages_beside_it():
    drawn = charts.cost(figures.cost(["operator"], account=["shop"])).to_dict()["layer"]
    assert drawn[-1]["data"]["values"][0]["_text"] == "3.25 · 950 delivered"


def test_groups_without_a_cost_are_not_drawn_at_0():
    frame = figures.cost(["operator"], account=["shop"])
    frame.loc[0, "cost_per_delivered"] = None
    assert len(charts.cost(frame).to_dict()["layer"][0]["data"]["values"]) == 1
