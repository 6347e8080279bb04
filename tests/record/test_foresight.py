"""Months, what speed costs, the growth plan and measurements, as a reader meets them."""

import copy
import re

import pytest

from outgrow.record.markdown import render_markdown
from outgrow.record.outline_growth import when
from outgrow.record.outline_months import poisson_sentence
from outgrow.record.page import render_page
from outgrow.record.short import growth_lines, speed_line
from outgrow.record.view import View

NEW_HEADINGS = ("drawn months bring", "What speed costs", "Growth plan", "usual assumption")
OF_CANDIDATES = ("p99_s", "delayed_share", "utilisation_frac", "endings", "study", "as_poisson")
OF_RECORDS = ("measures", "front", "growth")


def stripped(data):
    """The record as it was written before anything was simulated."""
    old = copy.deepcopy(data)
    for name in OF_RECORDS:
        del old[name]
    for answer in old["questions"].values():
        for candidate in answer["candidates"]:
            for name in OF_CANDIDATES:
                del candidate[name]
    for name in ("value_usd", "variance_share"):
        if old["measure_first"]:
            del old["measure_first"][name]
    return old


def section(text, title):
    """One section of a Markdown record."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def flex(small):
    return small["questions"]["inference"]["candidates"][0]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
def test_a_record_without_the_new_fields_renders_without_the_new_sections(words, template, record, example, language):
    old = stripped(record(example, language))
    text, html = render_markdown(old, words[language]), render_page(old, words[language], template)
    assert len(re.findall("^## ", text, re.MULTILINE)) > 10
    assert "</html>" in html
    if language == "en":
        assert [name for name in NEW_HEADINGS if name in text + html] == []
        assert "80 % interval | p50 | p95 | Cold" in text
        assert "What to measure first" in text
        assert "Worth knowing" not in text


def test_a_growing_example_shows_what_is_new(words, record):
    text = render_markdown(record(), words["en"])
    assert [name for name in NEW_HEADINGS if name not in text] == []


def test_months_that_are_all_alike_are_folded_and_others_open(words, template, small):
    html = re.sub(r"</?span[^>]*>", "", render_page(small, words["en"], template))
    platform, inference = (html.split(f'id="options-{name}"')[1].split("</section>")[0] for name in small["questions"])
    assert "<summary>What 96 drawn months bring</summary>" in platform
    assert "<h3>What 96 drawn months bring</h3>" in inference
    assert "Breaks most" not in platform
    assert "p95 target (25 %)" in inference


def test_a_time_that_never_comes_is_no_answer_and_a_time_of_nothing_is_a_dash(words, small):
    flex(small)["p95_s"] = None
    view = View(small, words["en"])
    assert view.answered(None) == "no answer"
    assert view.answered(None, served=False) == "–"
    rows = [line for line in render_markdown(small, words["en"]).splitlines() if line.startswith("| **RunPod Flex**")]
    assert "| 4.0 s | no answer | 80 s |" in rows[0]
    nothing = dict.fromkeys(("p50_s", "p95_s", "p99_s", "cold_share", "delayed_share", "utilisation_frac"))
    small["questions"]["platform"]["candidates"][0]["study"] |= nothing
    assert "| $24.00 | – | – | – | 100 % |" in render_markdown(small, words["en"])


def test_ways_to_go_unanswered_are_named_with_the_digits_that_count(words, small):
    flex(small)["study"]["endings"] |= {"timed_out": 0.0123, "abandoned": 0.00005}
    assert "timed out 1.2 %, abandoned 0.005 %" in render_markdown(small, words["en"])


def test_what_the_usual_assumption_gets_wrong_is_computed(words, small):
    # By hand: 11 / 10 is 10 % too high, 45 / 60 is 25 % too low, 30 % cold starts are not 20 %; the rest is equal.
    said = poisson_sentence(View(small, words["en"]), flex(small))
    assert "a bill of $11.00 instead of $10.00, 10 % too high; a p95 of 45 s instead of 60 s, 25 % too low" in said
    assert "30 % cold starts instead of 20 %. It gets right: p50, p99." in said
    one = flex(small)
    one["as_poisson"] = {"monthly_usd": 10.1, "p50_s": 4.0, "p95_s": 60.5, "p99_s": 80.0, "cold_share": 0.204}
    assert "gives the same bill" in poisson_sentence(View(small, words["en"]), one)
    one["as_poisson"]["p99_s"] = None
    assert "a p99 of no answer instead of 80 s" in poisson_sentence(View(small, words["en"]), one)


def test_an_option_the_assumption_misses_by_much_is_named_though_it_was_not_chosen(words, small):
    active = small["questions"]["inference"]["candidates"][1]
    assert "would have given RunPod Active" not in render_markdown(small, words["en"])
    active["as_poisson"]["monthly_usd"] = active["monthly_usd"]["mid"] / 2
    assert "It would have given RunPod Active a bill of $13.14 instead of $26.28, 50 %" in render_markdown(
        small, words["en"]
    )


def test_arrivals_that_are_poisson_are_not_compared_with_themselves(words, small):
    for one in small["questions"]["inference"]["candidates"]:
        one["as_poisson"] = None
    assert "Poisson" not in render_markdown(small, words["en"])


def test_what_a_faster_answer_costs_is_the_difference_of_two_bills(words, small):
    # By hand: 14 - 10 = 4 for the p50 of 2 s, 26.28 - 10 = 16.28 for the p95 of 2 s.
    said = section(render_markdown(small, words["en"]), "What speed costs")
    assert "RunPod Flex (idle timeout (s): 5): $10.00 a month" in said
    assert "For $4.00 a month more, half of the answers come within 2.0 s instead of 4.0 s" in said
    assert "For $16.28 a month more, 95 of 100 answers come within 2.0 s instead of 60 s" in said
    assert "The ranking tries fewer settings" not in said


def test_a_setting_that_was_chosen_and_is_not_the_cheapest_says_what_it_costs_more(words, small):
    flex(small)["settings"]["idle_timeout_s"] = 300.0
    said = section(render_markdown(small, words["en"]), "What speed costs")
    assert "the one it chose, RunPod Flex (idle timeout (s): 300), costs $10.00 a month more" in said
    assert "idle timeout (s): 300 **chosen**" in said


def test_speed_that_breaks_a_constraint_names_it(words, small):
    small["front"]["points"][4]["broke"] = ["budget"]
    said = section(render_markdown(small, words["en"]), "What speed costs")
    assert "below 60 s breaks a constraint: RunPod Active (active workers: 1) has 2.0 s for $26.28 a month" in said
    small["front"]["points"] = small["front"]["points"][:4]
    assert "No setting has a p95 noticeably below 60 s." in render_markdown(small, words["en"])


def test_where_no_setting_keeps_every_constraint_that_is_what_is_said(words, template, small):
    small["front"]["cheapest"] = None
    for point in small["front"]["points"]:
        point["broke"] = point["broke"] or ["patience"]
    assert "**No setting keeps every constraint.**" in render_markdown(small, words["en"])
    assert "No setting meets every constraint; what faster answers cost" in render_page(small, words["en"], template)
    assert speed_line(View(small, words["en"])) == "no setting keeps every constraint"


@pytest.mark.parametrize(
    ("month", "said"),
    [
        (0, "at once"),
        (1, "in 1 months (2026-02)"),
        (11, "in 11 months (2026-12)"),
        (12, "in 12 months (2027-01)"),
        (35, "in 35 months (2028-12)"),
        (None, "not on the middle path"),
    ],
)
def test_a_month_of_the_plan_is_a_month_of_the_calendar(words, small, month, said):
    assert when(View(small, words["en"]), month) == said  # the record is of 2026-01-31


def test_the_plan_says_what_it_cannot_do(words, small):
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert "passes the budget of $50.00 in 2 months (2026-03)" in said  # 50.28 x 1.1 = 55.31, the month before 48.40
    assert "Beyond 900 daily users no option here carries the demand: 80 %" in said
    assert "On the 20 of 25 growth paths that it carries to their end, 4 months cost $128.28" in said
    assert "have no price" in said
    small["growth"] |= {"over_budget_from": None, "carried_share": 1.0, "carried_until": None, "work_priced": True}
    small["growth"]["carried_paths"] = 25
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert not [word for word in ("budget", "carries", "carried", "no price") if word in said]
    assert "4 months cost $128.28 with this plan, moves included. That is the median of 25 growth paths" in said
    small["growth"]["moves"], small["growth"]["total_usd"] = [], {"low": 5.0, "median": 5.0, "high": 5.0}
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert "Over 4 months no move pays or is needed." in said
    assert "growth paths" not in said


def test_a_plan_that_carries_no_path_to_its_end_has_no_total(words, small):
    small["growth"] |= {"carried_paths": 0, "total_usd": None, "seeing_usd": None}
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert "No growth path is carried to its end" in said
    assert "Never moving" not in said


def test_a_plan_that_begins_with_another_option_than_the_ranking_says_so(words, small):
    small["growth"]["now"]["inference"] = "runpod-active"
    assert "begin with RunPod Active; the ranking, which looks at today's demand, chose RunPod Flex" in render_markdown(
        small, words["en"]
    )


def test_staying_is_compared_with_the_plan_and_with_having_known(words, small):
    # By hand: 140 - 128.28 = 11.72 more, 128.28 - 120 = 8.28 less.
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert "Never moving costs $140.00, $11.72 more." in said
    assert "$120.00 would do, $8.28 less." in said
    small["growth"]["staying_usd"] = None
    assert "Never moving does not work" in render_markdown(small, words["en"])
    small["growth"]["staying_usd"] = {"low": 100.0, "median": 128.0, "high": 150.0}
    small["growth"]["seeing_usd"]["median"] = 128.28
    said = render_markdown(small, words["en"])
    assert "$0.28 less in the median" in said
    assert "it would be no cheaper" in said


def test_a_plan_without_moves_compares_nothing(words, template, small):
    small["growth"]["moves"] = []
    said = section(render_markdown(small, words["en"]), "Growth plan")
    assert "As far as the demand is carried, no move pays or is needed." in said
    assert not [word for word in ("Never moving", "Early and late", "| Early |") if word in said]
    html = render_page(small, words["en"], template)
    assert "Next move at" not in html
    assert "Outgrown at" in html


def test_the_head_of_the_page_names_the_next_move(words, template, small):
    head = re.sub("</?span[^>]*>", "", render_page(small, words["en"], template).split("</header>")[0])
    html = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", head))
    assert "Next move at 300 daily users to RunPod Active, in 2 months (2026-03); today 100." in html


def test_every_measurement_is_listed_and_one_that_decides_nothing_says_so(words, small):
    said = section(render_markdown(small, words["en"]), "What to measure first")
    assert "| `inference.read.cold_start_s` | 30 – 120 | $6.00 | $1.50 | 80 % | yes |" in said
    assert "| `web.requests_per_user_day` | 10 – 40 | $2.00 | $0.00 | &lt; 1 % | no |" in said
    assert said.count("```sh") == 1
    assert "None of them changes the choice" not in said
    for one in small["measures"]:
        one |= {"changes_choice": False, "value_usd": 3.6e-15}
    assert "None of them changes the choice" in render_markdown(small, words["en"])


def test_a_terminal_is_told_in_a_few_lines_with_ids(words, small):
    view = View(small, words["en"])
    assert speed_line(view) == (
        "cheapest that meets everything: runpod-flex (idle timeout (s): 5), $10.00 a month, p50 4.0 s, p95 60 s"
    )
    assert list(growth_lines(view))[:4] == [
        "growth: run ec2-single + runpod-flex now;"
        " on the 20 of 25 growth paths that are carried to their end, 4 months cost $128.28",
        "  at 300 daily users, in 2 months (2026-03): runpod-flex -> runpod-active (the bill)",
        "  at 900 daily users, not on the middle path: ec2-single -> ec2-split (capacity)",
        "  Never moving costs $140.00, $11.72 more.",
    ]


def test_a_terminal_is_told_nothing_of_what_an_old_record_does_not_know(words, before):
    view = View(before, words["ko"])
    assert speed_line(view) is None
    assert list(growth_lines(view)) == []


def test_the_method_is_the_one_that_was_used(words, small):
    assert "simulation of the workers request by request" in render_markdown(small, words["en"])
    small["method"]["predictor"] = "closed-form"
    assert "closed-form queueing formulas" in render_markdown(small, words["en"])
