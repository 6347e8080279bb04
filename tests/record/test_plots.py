"""The plots of speed and growth: what is drawn where, and labels that do not cover it."""

import re
from itertools import pairwise

import pytest

from outgrow.record.frame import Box, Labels, along, levels
from outgrow.record.front import seen
from outgrow.record.plots import plot
from outgrow.record.plots_growth import growth_plot
from outgrow.record.plots_speed import speed_plot
from outgrow.record.view import View


def box(left, top=0.0, width=10.0):
    return Box(left=left, top=top, width=width, height=10.0)


def drawn(small, words, width=860.0):
    view = View(small, words["en"])
    return speed_plot(view, seen(view), width)


def curves(svg):
    return re.findall(r'<path d="M([^"]+)" class="curve ([^"]+)"', svg)


def test_a_label_takes_the_first_place_that_covers_nothing():
    labels = Labels([(5.0, 5.0), (25.0, 5.0)])
    assert labels.place([box(0), box(20), box(40)]) == 2
    assert labels.place([box(0), box(35), box(60)]) == 2, "the second would cover the first label"


def test_a_label_without_a_free_place_covers_as_little_as_it_can():
    labels = Labels([(1.0, 5.0), (2.0, 5.0), (25.0, 5.0)])
    assert labels.place([box(0), box(20)]) == 1


def test_the_pixels_of_a_line_leave_no_room_for_a_label_between_them():
    pixels = along([(0.0, 0.0), (100.0, 0.0), (100.0, 30.0)])
    assert pixels[0] == (0.0, 0.0)
    assert pixels[-1] == (100.0, 30.0)
    assert max(abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in pairwise(pixels)) <= 8.0
    assert along([]) == []


def test_names_that_crowd_stand_on_levels():
    assert levels([(0.0, 50.0), (30.0, 50.0), (45.0, 10.0), (70.0, 20.0), (200.0, 5.0)]) == [0, 1, 2, 0, 0]
    assert levels([]) == []


def test_a_bill_that_grows_far_is_drawn_by_its_logarithm(words, small):
    even = growth_plot(View(small, words["en"]), small["growth"], 860.0)
    small["growth"]["path"][2]["usd"] = 3400.0
    far = growth_plot(View(small, words["en"]), small["growth"], 860.0)
    assert [svg.count(">0<") for svg in (even, far)] == [2, 1], "now, and the foot of an even scale"


def test_growth_that_is_certain_has_one_line_of_users_and_one_number(words, small):
    for point in small["growth"]["path"]:
        point["users"] = dict.fromkeys(("low", "mid", "high"), point["users"]["mid"])
    svg = growth_plot(View(small, words["en"]), small["growth"], 860.0)
    assert svg.count(">800<") == 1
    assert "High 800" not in svg


def test_what_breaks_a_constraint_is_hollow_and_what_is_worth_having_is_large(words, small):
    svg = drawn(small, words)
    circles = re.findall(r'<circle [^>]*r="([\d.]+)" class="([^"]+)"', svg)
    # By hand: 4 points on the front, one of them too slow; 2 others, one of them over the budget; the legend has one.
    assert sum(r == "5.5" and "dot" in kind for r, kind in circles) == 3
    assert sum(r == "5.5" and "hollow" in kind for r, kind in circles) == 1
    assert sum(r == "3.5" and "hollow" in kind for r, kind in circles) == 1
    assert sum(r == "3.5" and "dot" in kind for r, kind in circles) == 1
    assert ">target 60 s<" in svg
    assert ">2 chosen, cheapest<" in svg


def test_what_the_money_buys_never_gets_slower_for_more_of_it(words, small):
    for steps, _ in curves(drawn(small, words)):
        points = [tuple(map(float, step.split())) for step in steps.split("L")]
        assert all(x0 >= x1 and y0 >= y1 for (x0, y0), (x1, y1) in pairwise(points))


def test_a_pointer_reads_the_setting_its_times_and_what_it_breaks(words, small):
    said = "<title>RunPod Active (active workers: 2) $52.56, p50 2.0 s, p95 2.0 s, breaks budget</title>"
    assert said in drawn(small, words)


def test_a_setting_without_a_median_answer_is_drawn_by_its_p95_alone(words, small):
    small["front"]["points"][0]["p50_s"] = None
    assert "None" not in drawn(small, words)
    small["front"]["points"][0]["p95_s"] = None
    assert len(seen(View(small, words["en"])).points) == 5


def test_a_free_setting_has_a_place_on_a_logarithmic_scale(words, small):
    small["front"]["points"][0]["monthly_usd"] = 0.0
    assert "nan" not in drawn(small, words)
    assert "inf" not in drawn(small, words)


@pytest.mark.parametrize("width", [860.0, 340.0])
def test_the_bill_is_flat_within_a_month_and_ends_where_nothing_is_known(words, small, width):
    svg = growth_plot(View(small, words["en"]), small["growth"], width)
    bill = next(steps for steps, kind in curves(svg) if kind == "s0 strong")
    points = [tuple(map(float, step.split())) for step in bill.split("L")]
    assert len(points) == 6, "three months, each from its beginning to its end"
    assert all(points[i][1] == points[i + 1][1] for i in (0, 2, 4))
    assert ">not carried<" in svg
    assert ">300 users: RunPod Active<" in svg
    assert "900 users" not in svg, "a move that the middle path never makes has no place in time"


def test_a_month_that_comes_back_is_a_line_of_its_own(words, small):
    small["growth"]["path"][1]["usd"] = None
    small["growth"]["path"][3]["usd"] = 60.0
    svg = growth_plot(View(small, words["en"]), small["growth"], 860.0)
    assert sum(kind == "s0 strong" for _, kind in curves(svg)) == 3, "two stretches of the bill, one line of users"


def test_a_plan_without_any_bill_is_not_drawn(words, small):
    for point in small["growth"]["path"]:
        point["usd"] = None
    assert plot(View(small, words["en"]), "growth", "") is None
