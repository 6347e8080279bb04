"""Both languages say the same things, and everything the code can say is in them."""

import re
from pathlib import Path
from string import Formatter

import pytest

import outgrow
from outgrow.catalog.options import all_options
from outgrow.domain.message import message
from outgrow.domain.units import UNITS
from outgrow.record.particles import resolved
from outgrow.record.phrases import fill, phrase, speak

ROOMS = Path(outgrow.__file__).parent
SOURCE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(ROOMS.rglob("*.py"))
    if ROOMS / "gateway" / "pages" not in path.parents  # the gateway's pages have words of their own
)
FAMILIES = "reject|bottleneck|way-out|risk|tie|unpriced|limit|note|measure|audit|warn|trace|review"
BUILT = {
    'f"reject.{constraint}"': {"reject.patience", "reject.target-p95"},
    "f\"warn.{code.removeprefix('audit.')}\"": {"warn.region", "warn.no-ipv4", "warn.sibling"},
}
"""Codes put together from parts: the expression in the source and what it can become."""


def spoken_codes() -> set[str]:
    literal = set(re.findall(rf'(?<!label\()"((?:{FAMILIES})\.[a-z0-9-]*[a-z0-9])"', SOURCE))
    return literal.union(*BUILT.values())


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_codes_built_from_parts_are_those_this_test_knows():
    assert set(re.findall(rf'f"(?:{FAMILIES})\.\{{[^"]*"', SOURCE)) == set(BUILT)


def test_every_code_in_the_source_has_words_and_no_words_are_left_over(words):
    codes = spoken_codes()
    assert len(codes) > 60
    for language in words.values():
        assert set(language.messages) == codes


def test_both_languages_have_the_same_sentences_with_the_same_gaps(words):
    english, korean = words["en"], words["ko"]
    for table in ("messages", "labels"):
        first, second = getattr(english, table), getattr(korean, table)
        assert set(first) == set(second)
        assert {key: gaps(text) for key, text in first.items()} == {key: gaps(text) for key, text in second.items()}


def test_every_phrase_keeps_its_gaps_and_korean_knows_every_english_one(words):
    assert set(words["en"].terms) <= set(words["ko"].terms)
    for language in words.values():
        for key, text in language.terms.items():
            if "{}" in key:
                assert key.count("{}") == text.count("{}"), key


def test_every_fixed_label_the_renderers_ask_for_exists(words):
    asked = set(re.findall(r'\blabel\(\s*"([^"]+)"', SOURCE))
    starts = set(re.findall(r'\blabel\(\s*f"([^"{]+)\{', SOURCE))
    assert len(asked) > 60
    labels = set(words["en"].labels)
    assert asked <= labels
    assert all(any(label.startswith(start) for label in labels) for start in starts)


def test_every_option_unit_and_constraint_has_a_name(words):
    constraints = set(re.findall(r'_reject\(option, "([a-z0-9-]+)"', SOURCE)) | set(
        re.findall(r'constraint="([^"]+)"', SOURCE)
    )
    assert {"budget", "outbound", "data-trust"} <= constraints
    for language in words.values():
        assert all(f"option.{recipe.id}" in language.labels for recipe in all_options())
        assert all(f"unit.{unit}" in language.labels for unit in UNITS)
        assert constraints <= set(language.terms)


def test_a_phrase_is_translated_inside_out(words):
    assert phrase(words["ko"], "GPU host disk") == "GPU 호스트 디스크"
    assert phrase(words["ko"], "NAT gateway public IPv4") == "NAT 게이트웨이 공인 IPv4"
    assert phrase(words["ko"], "at most rented-infrastructure") == "최대 빌린 인프라"
    assert phrase(words["ko"], "somebody's own words") == "somebody's own words"
    assert phrase(words["ko"], 3.5) == 3.5


def test_a_phrase_of_an_attacker_takes_no_time(words):
    assert phrase(words["ko"], "a " * 5000 + "disk").startswith("a a")
    assert phrase(words["ko"], ": " * 90).count(":") == 90


def test_a_sentence_speaks_its_values(words):
    said = speak(words["ko"], message("reject.budget", found="$1,210.76 a month", allowed="$200.00"))
    assert said == "세금을 더하면 월 $1,210.76로 예산 $200.00를 넘습니다"
    assert fill(
        words["en"],
        "measure.moves",
        {"path": "a.b", "source": "guessed", "low": 30.0, "high": 120.0, "swing_usd": 24.956},
    ) == ("a.b (guess, 30 to 120) moves the bill by $24.96 a month")
    with pytest.raises(KeyError):
        fill(words["en"], "reject.unheard-of", {})


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("사과을(를)", "사과를"),
        ("감을(를)", "감을"),
        ("서울(으)로", "서울로"),  # ㄹ takes 로
        ("부산(으)로", "부산으로"),
        ("3이(가)", "3이"),  # 삼
        ("2이(가)", "2가"),  # 이
        ("$1,800을(를)", "$1,800를"),  # 달러
        ("₩1,800을(를)", "₩1,800을"),  # 원
        ("EC2 한 대이(가)", "EC2 한 대가"),
        ("RunPod과(와)", "RunPod과(와)"),  # nobody can tell
        ("(host)은(는)", "(host)은(는)"),
    ],
)
def test_a_particle_follows_how_the_word_before_it_is_read(written, read):
    assert resolved(written) == read
