import re
from html.parser import HTMLParser

import pytest

from outgrow.record.page import render_page

HANGUL = re.compile("[가-힣]")
SENTENCE = re.compile(r"(?:\b[a-z]{2,}\b[ ,]+){3,}[a-z]{2,}")
"""Four plain lower-case English words in a row."""

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Tags, attributes and the text outside what is quoted."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.said: list[str] = []
        self.style = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        if "style" in self.open:
            self.style += data
        elif not {"q", "code", "pre"} & set(self.open):
            self.said.append(data)

    @property
    def words(self) -> str:
        spoken = [value for _, name, value in self.attributes if name in {"aria-label", "alt", "title"}]
        return "\n".join([*self.said, *spoken])


@pytest.fixture(scope="module")
def page(words, template, record):
    made: dict[tuple[str, str, str], str] = {}

    def rendered(example="receipts", language="en", made_in="en"):
        key = (example, language, made_in)
        if key not in made:
            made[key] = render_page(record(example, made_in), words[language], template)
        return made[key]

    return rendered


@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_is_whole_and_refers_to_nothing_outside_itself(page, example, language):
    html = page(example, language)
    parsed = Page(html)
    assert parsed.open == []
    assert "script" not in parsed.tags
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]
    links = [
        (tag, name, value) for tag, name, value in parsed.attributes if name in {"src", "href", "srcset", "action"}
    ]
    assert links
    assert all(value.startswith("#") or value == "data:," for _, _, value in links)
    styles = parsed.style + "".join(value for _, name, value in parsed.attributes if name == "style")
    assert "url(" not in styles
    assert "@import" not in styles
    assert "url(" not in "".join(value for _, _, value in parsed.attributes)
    policy = next(value for _, name, value in parsed.attributes if name == "content" and "default-src" in value)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_place_a_link_leads_to_is_there_once(page):
    parsed = Page(page())
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    wanted = {value[1:] for _, name, value in parsed.attributes if name == "href" and value.startswith("#")}
    assert len(ids) == len(set(ids))
    assert wanted <= set(ids)


@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
def test_same_data_same_bytes(words, template, record, example):
    once, again = (render_page(record(example), words["ko"], template) for _ in range(2))
    assert once == again


def test_an_older_and_a_newer_record_are_linked_where_they_lie(words, template, small):
    small["record"]["superseded_by"] = {"id": "demo-2026-03-01-22222222", "path": "../../decision.json"}
    html = render_page(small, words["en"], template)
    assert '<a href="./superseded/demo-2025-12-31-11111111/decision.html">demo-2025-12-31-11111111</a>' in html
    assert '<a href="./../../decision.html">demo-2026-03-01-22222222</a>' in html
    assert "superseded ·" in html


def test_a_link_to_another_record_can_only_be_a_path(words, template, small):
    small["record"]["supersedes"] = {"id": "x", "path": "javascript:alert(1)//https://a.invalid/?b#c"}
    links = [value for _, name, value in Page(render_page(small, words["en"], template)).attributes if name == "href"]
    assert "./javascript-alert-1-/https-/a.invalid/-b-c.html" in links


def test_a_record_to_review_says_since_when_and_why(words, template, small):
    small["record"]["status"] = "to-review"
    changed = {"question": "platform", "was": "ec2-single", "now": "ec2-split"}
    small["review"] = {
        "on": "2026-03-01",
        "changed_prices": [1],
        "changed_choices": [changed],
        "broken_claims": ["cheap"],
    }
    html = re.sub("<[^>]+>", "", render_page(small, words["en"], template))
    assert (
        "To review since 2026-03-01. Prices changed: 1. Choices changed: Platform: Two EC2 hosts + RDS. "
        "Claims that fail: cheap."
    ) in html


@pytest.mark.parametrize("language", ["en", "ko"])
def test_text_of_a_spec_is_inert(words, template, record, hostile, language):
    clean = Page(render_page(record(), words[language], template))
    bad = Page(render_page(hostile(record()), words[language], template))
    assert set(bad.tags) == set(clean.tags)
    assert {(tag, name) for tag, name, _ in bad.attributes} <= {(tag, name) for tag, name, _ in clean.attributes}
    assert bad.tags.count("tr") == clean.tags.count("tr")
    assert bad.tags.count("svg") == clean.tags.count("svg")
    assert max(map(len, "".join(bad.said).split())) < 400


@pytest.mark.parametrize("made_in", ["en", "ko"])
@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
def test_a_korean_page_holds_no_english_sentence_whatever_the_record_was_made_in(page, record, example, made_in):
    said = Page(page(example, "ko", made_in)).words
    title = record(example)["record"]["title"]
    found = SENTENCE.findall(said.replace(title, ""))
    assert found == []
    assert len(HANGUL.findall(said)) > 1500


@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
def test_an_english_page_of_a_korean_record_holds_no_korean(page, example):
    assert len(SENTENCE.findall(Page(page(example, "en", "ko")).words)) > 20
    assert HANGUL.findall(Page(page(example, "en", "ko")).words) == []


@pytest.mark.parametrize("example", ["receipts", "chat", "imagetool"])
def test_plots_are_drawn_twice_and_hold_only_finite_numbers(page, example):
    html = page(example)
    svgs = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(svgs) >= 12
    assert len(svgs) % 2 == 0
    for svg in svgs:
        assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<(title|desc)>.*?</\1>|<text[^>]*>.*?</text>", "", svg))
        assert re.search(r"<title>[^<]+</title><desc>[^<]+</desc>", svg)


def test_bars_of_a_bill_add_up_to_its_length(record):
    from outgrow.record.parts import PARTS, part_sums

    data = record()
    for option in data["as_written"]:
        assert abs(sum(part_sums(option["lines"]).values()) - option["monthly_usd"]) < 1e-9
    for question in data["questions"].values():
        options = [*question["candidates"], *question["rejected_bills"]]
        used = {part for option in options for part in part_sums(option["lines"])}
        assert len({PARTS[part] for part in used}) == len(used), "two parts of one plot share a colour"


def test_a_curve_has_a_gap_where_its_option_is_infeasible(words, template, before):
    data = before
    points = [[10.0, 5.0], [20.0, 6.0], [40.0, None], [80.0, 7.0], [160.0, 9.0]]
    data["questions"]["platform"]["curves"] = [{"option": "ec2-single", "points": points}]
    html = render_page(data, words["en"], template)
    drawn = re.findall(r'<path d="(M[^"]+)" class="curve s0', html)
    assert len(drawn) == 4, "two stretches in each of two widths"
    assert all(path.count("L") == 1 for path in drawn)
