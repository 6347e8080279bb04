"""What the YAML reader accepts, and that everything else ends in one clear `SpecError`."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from outgrow.adapters import spec_text
from outgrow.adapters.spec_text import decode, read_yaml
from outgrow.domain.errors import SpecError


def refused(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        read_yaml(text, "service.yaml")
    return caught.value.message


def test_scalars_follow_yaml_1_2() -> None:
    text = "a: no\nb: on\nc: 12:30\nd: 2026-11-23\ne: 010\nf: 0x1F\ng: 1e3\nh: '3'\ni: true\nj: ~\nk: .5\nl: -2\nm:\n"
    data, _ = read_yaml(text, "s")
    words = {"a": "no", "b": "on", "c": "12:30", "d": "2026-11-23", "h": "3"}
    numbers = {"e": 10, "f": 31, "g": 1000.0, "k": 0.5, "l": -2}
    assert data == words | numbers | {"i": True, "j": None, "m": None}
    assert isinstance(data["e"], int)
    assert isinstance(data["g"], float)


def test_keys_stay_words() -> None:
    assert read_yaml("on: 1\nno: 2\n3: x\ntrue: y\n", "s")[0] == {"on": 1, "no": 2, "3": "x", "true": "y"}


def test_positions_are_the_lines_of_keys_and_members() -> None:
    text = "# head\na:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n"
    _, positions = read_yaml(text, "s")
    outer = {(): 2, ("a",): 2, ("a", "b"): 3, ("a", "c"): 4}
    members = {("a", "c", 0): 5, ("a", "c", 1): 6, ("a", "c", 1, "d"): 6, ("a", "c", 1, "e"): 7}
    assert positions == outer | members


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "service.yaml: the file is empty"),
        ("# only a comment\n", "service.yaml: the file is empty"),
        ("~\n", "service.yaml: the file is empty"),
        ("- a\n", "service.yaml:1: expected a mapping of keys, found a list"),
        ("\nhello\n", "service.yaml:2: expected a mapping of keys, found a single value"),
        ("a: 1\n---\nb: 2\n", "service.yaml:2: a second document starts here; a spec is one document"),
        ("a: 1\nb: 2\na: 3\n", "service.yaml:3: key 'a' is already given on line 1; give it once"),
        ("x: {a: 1, a: 2}\n", "service.yaml:1: key 'a' is already given on line 1; give it once"),
        ("a: &x 1\n", "service.yaml:1: anchor '&x'; write the value out"),
        ("a: 1\nb: *x\n", "service.yaml:2: alias '*x'; write the value out"),
        ("a: {<<: {b: 1}}\n", "service.yaml:1: merge key '<<'; write the values out"),
        (
            "a: !!python/object:os.system x\n",
            "service.yaml:1: tag 'tag:yaml.org,2002:python/object:os.sy...'; write the value without it",
        ),
        ("a: !!str 3\n", "service.yaml:1: tag 'tag:yaml.org,2002:str'; write the value without it"),
        ("a: ! 3\n", "service.yaml:1: tag '!'; write the value without it"),
        ("? [a]\n: 1\n", "service.yaml:1: a key must be a word, not a mapping or list"),
        ("a: 1\nb: .nan\n", "service.yaml:2: .nan is not a finite number; write one up to 1e12"),
        ("a: -.inf\n", "service.yaml:1: -.inf is not a finite number; write one up to 1e12"),
        ("a: 1e999\n", "service.yaml:1: 1e999 is too large; write a number up to 1e12"),
        ("a: 1\nb: x\x00y\n", "service.yaml:2: control character U+0000; a spec is plain text"),
        ("a: \x1b[31m\n", "service.yaml:1: control character U+001B; a spec is plain text"),
        ('a: "x\\0y"\n', "service.yaml:1: control character in a value; a spec is plain text"),
        ("a: \ud800\n", "service.yaml:1: control character U+D800; a spec is plain text"),
        ("a: b: c\n", "service.yaml:1:5: not YAML: mapping values are not allowed in this context"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    assert refused(text) == message


def test_quoted_numbers_and_infinities_are_words() -> None:
    assert read_yaml("a: '.inf'\nb: \"1e999\"\n", "s")[0] == {"a": ".inf", "b": "1e999"}


def test_nesting_is_limited_at_32_levels() -> None:
    assert read_yaml("{a: " * 32 + "1" + "}" * 32, "s")
    assert refused("{a: " * 33 + "1" + "}" * 33) == "service.yaml:1: nested deeper than 32 levels"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_endless_nesting_is_refused_at_once(opening: str) -> None:
    start = time.process_time()
    assert "nested deeper" in refused("a:\n  " + opening * 200_000) or opening == "? "
    assert time.process_time() - start < 2


def test_billion_laughs_is_refused_at_its_first_anchor() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert refused(bomb) == "service.yaml:1: anchor '&a'; write the value out"


def test_huge_integers_do_not_trip_over_pythons_digit_limit() -> None:
    assert refused("a: " + "9" * 5000).startswith("service.yaml:1: 9999")
    assert read_yaml("a: " + "9" * 40, "s")[0] == {"a": 1e40}


def test_size_is_limited_to_one_mebibyte() -> None:
    assert refused("#" * 10_000_000) == "service.yaml: the file is 9.5 MiB; a spec is at most 1 MiB"
    assert refused("#" * (1024 * 1024 + 1)) == "service.yaml: the file is 1048577 bytes; a spec is at most 1 MiB"
    assert refused("\u20ac" * 500_000) == "service.yaml: the file is 1.4 MiB; a spec is at most 1 MiB"


def test_decode_names_the_byte_that_is_not_utf_8() -> None:
    with pytest.raises(SpecError, match=r"^s\.yaml: byte 5 is not UTF-8 \(0xff\)$"):
        decode(b"\xef\xbb\xbfa:\xff", "s.yaml")


def test_decode_drops_a_byte_order_mark() -> None:
    assert decode(b"\xef\xbb\xbfa: 1", "s") == "a: 1"


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)


@given(st.text(alphabet="ab:-{}[]?!&*|>'\"%@#,.~<0123456789 \n\t\\", max_size=60))
def test_any_yaml_like_text_is_read_or_refused(text: str) -> None:
    _read_or_refuse(text)


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        read_yaml(decode(raw, "s"), "s")
    except SpecError as error:
        assert error.message.startswith("s:")


@given(st.text(alphabet="ab:-{}[]?!&*|>'\"0123456789 \n", max_size=40))
def test_the_python_parser_refuses_cleanly_too(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spec_text, "_LOADER", yaml.Loader)
        _read_or_refuse(text)


def _read_or_refuse(text: str) -> None:
    try:
        data, positions = read_yaml(text, "s")
    except SpecError as error:
        assert error.message.startswith("s:")
        assert len(error.message.splitlines()) == 1
    else:
        assert isinstance(data, dict)
        assert positions[()] >= 1
