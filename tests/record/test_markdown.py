import re
from pathlib import Path

import pytest
import yaml

from outgrow.record.markdown import render_markdown

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_small_record_renders_as_it_always_did(words, small, language):
    # By hand (see the fixture): 24.00 + 10.00 = 34.00; x 1.1 = 37.40; x 1,000 = 37,400 won.
    rendered = render_markdown(small, words[language])
    assert "$37.40 · ₩37,400" in rendered
    assert rendered == (GOLDEN / f"small.{language}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_record_from_before_the_simulation_renders_as_it_did_then(words, before, language):
    # By hand: 730 x 0.02 + 100 x 0.094 = 24.00; x 1.1 = 26.40; x 1,000 = 26,400 won.
    rendered = render_markdown(before, words[language])
    assert "$26.40 · ₩26,400" in rendered
    assert rendered == (GOLDEN / f"before.{language}.md").read_text(encoding="utf-8")


def test_the_front_matter_is_yaml_and_names_both_neighbours(words, small):
    small["record"]["superseded_by"] = {"id": 'later"\nstatus: forged', "path": "decision.json"}
    small["record"]["service"] = 'demo"\n---\nstatus: forged'
    front = render_markdown(small, words["en"]).split("\n---\n")[0]
    assert yaml.safe_load(front)["superseded-by"] == 'later" status: forged'
    assert yaml.safe_load(front)["service"] == 'demo"\n---\nstatus: forged'
    assert yaml.safe_load(front)["supersedes"] == "demo-2025-12-31-11111111"
    assert yaml.safe_load(front)["status"] == "superseded"


def test_the_outcome_comes_first_and_warnings_before_any_ranking(words, record):
    headings = re.findall(r"^## (.+)$", render_markdown(record(), words["en"]), re.MULTILINE)
    assert headings[:3] == ["Decision outcome", "Before you read the ranking", "Why these"]


def test_no_two_options_are_named_in_the_outcome_before_the_warnings(words, record):
    before = render_markdown(record(), words["en"]).split("## Before you read the ranking")[0]
    assert "Two EC2 hosts" not in before
    assert "RunPod Active" not in before


@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_same_data_same_bytes(words, record, example, language):
    assert render_markdown(record(example), words[language]) == render_markdown(record(example), words[language])


def cells(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row))


def outside_code(text: str) -> str:
    return re.sub(r"^(`{3,})sh\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("attacked", [False, True])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(words, record, hostile, attacked):
    data = hostile(record()) if attacked else record()
    tables = re.findall(r"(?:^\|.*\n)+", outside_code(render_markdown(data, words["en"])), re.MULTILINE)
    assert len(tables) > 15
    for table in tables:
        assert len({cells(row) for row in table.splitlines()}) == 1


def body(text: str) -> str:
    """Without the front matter, whose strings are JSON, and the commands."""
    return outside_code(text.split("\n---\n", 1)[1])


def test_text_of_a_spec_stays_text(words, record, hostile):
    clean, bad = (body(render_markdown(data, words["en"])) for data in (record(), hostile(record())))
    assert "&lt;script&gt;" in bad
    assert "<" not in bad
    assert "](javascript:" not in bad.replace("\\](javascript:", "")
    for mark in ("# ", "## ", "### ", "- ", "---", "|"):
        assert len(re.findall(f"^{re.escape(mark)}", bad, re.MULTILINE)) == len(
            re.findall(f"^{re.escape(mark)}", clean, re.MULTILINE)
        )


def test_an_option_that_has_no_price_costs_an_unknown_amount_and_not_nothing(words, record):
    row = next(line for line in render_markdown(record("chat"), words["en"]).splitlines() if "`external-api`" in line)
    assert "$0.00" not in row
    assert row.endswith("| unknown |")
