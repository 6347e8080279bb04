"""Wrong input never gives a traceback: one clear message, the documented exit code, nothing written."""

from __future__ import annotations

import pytest

from outgrow.cli.main import main

GOOD = "format: 1\nservice: x\nregion: us-east-1\nusers: {daily_active: 10}\n"
TASK = "inference: [{name: t, requests_per_day: 5, service_s: 1, gpu_memory_gib: 8"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"

MISTAKES = {
    "unknown key": (GOOD + "regoin: x\n", "region"),
    "wrong unit": (GOOD + 'web: {requests_per_user_day: "3s"}\n', "3s"),
    "negative number": (GOOD + "web: {requests_per_user_day: -1}\n", "-1"),
    "unknown region": (GOOD.replace("us-east-1", "us-esat-1"), "did you mean 'us-east-1'"),
    "region without prices": (GOOD.replace("us-east-1", "eu-west-1"), "no prices for region"),
    "unknown machine": (GOOD + "as_written: {ec2-single: {hosts: [{name: a, machine: t4g.smal}]}}\n", "'t4g.small'"),
    "unknown sku": (GOOD + f"{TASK}, external: {{sku: aws/textract/analyse-expense}}}}]\n", "analyze-expense"),
    "unknown option": (GOOD + "without: [ec2-singel]\n", "'ec2-single'"),
    "unknown model": (
        GOOD + f"{TASK}, external: {{provider: openai, model: gpt-4o-mni, input_tokens: 5}}}}]\n",
        "gpt-4o-mni",
    ),
    "unknown subject": (GOOD + "document: {title: d, figures: [{section: a, says: b, about: montly}]}\n", "monthly"),
    "empty": ("", "empty"),
    "not a mapping": ("- 1\n- 2\n", "mapping"),
    "bomb": (BOMB, "service.yaml"),
    "not yaml": ("a: [1, 2\n", "service.yaml"),
    "python tag": ("a: !!python/object/apply:os.system ['true']\n", "service.yaml"),
    "infinite": (GOOD + "web: {requests_per_user_day: .inf}\n", "service.yaml"),
    "huge": (GOOD + "web: {requests_per_user_day: 1e300}\n", "service.yaml"),
    "ten megabytes": (GOOD + "#" * 10_000_000, "at most"),
    "control characters": (GOOD + "title: a\x07b\n", "service.yaml"),
    "deep": ("[" * 5000, "service.yaml"),
}


READERS = [
    (verb, name)
    for verb in ("price", "decide", "check")
    for name in MISTAKES
    if (verb, name) != ("price", "unknown subject")  # pricing has no use for the document section
]


@pytest.mark.parametrize(("verb", "name"), READERS)
def test_a_wrong_spec_gives_one_message_and_exit_code_2(verb, name, tmp_path, capsys):
    text, expected = MISTAKES[name]
    spec = tmp_path / "service.yaml"
    spec.write_text(text)
    out = tmp_path / "out"
    code = main([verb, str(spec), *(["--out", str(out)] if verb == "decide" else [])])
    said = capsys.readouterr()
    assert code == 2, said.err
    assert said.err.startswith("error: ")
    assert expected in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert not out.exists()


def test_bytes_that_are_not_utf8_are_named(tmp_path, capsys):
    spec = tmp_path / "service.yaml"
    spec.write_bytes(GOOD.encode() + b"title: \xff\xfe\n")
    assert main(["price", str(spec)]) == 2
    assert "UTF-8" in capsys.readouterr().err


ARGUMENTS = {
    "no file": (["price", "/nowhere/at/all"], "not found"),
    "bad day": (["price", "examples/receipts", "--on", "23.11.2026"], "--on"),
    "bad set": (["price", "examples/receipts", "--set", "users.daily_active"], "--set"),
    "set nowhere": (["price", "examples/receipts", "--set", "users.nobody=3"], "--set"),
    "set negative": (["price", "examples/receipts", "--set", "users.daily_active=-3"], "--set"),
    "set nan": (["price", "examples/receipts", "--set", "users.daily_active=nan"], "--set"),
    "bad region": (["price", "examples/receipts", "--region", "seoul"], "--region"),
    "bad option": (["price", "examples/receipts", "--option", "ec2-singel"], "'ec2-single'"),
    "a spec as record": (["check", "examples/receipts/service.yaml", "--on", "never"], "--on"),
    "unknown verb": (["pric", "x"], "'price'"),
    "unknown flag": (["price", "x", "--frobnicate"], "--frobnicate"),
    "no spec": (["price"], "SPEC"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_wrong_argument_gives_one_message_and_exit_code_2(name, capsys):
    words, expected = ARGUMENTS[name]
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert said.err.startswith("error: ")
    assert expected in said.err


PRICE_FILES = {
    "missing": (None, "cannot be read"),
    "empty": ("", "expected the columns"),
    "wrong columns": ("a,b\n1,2\n", "expected the columns"),
}


@pytest.mark.parametrize("name", PRICE_FILES)
def test_a_wrong_price_file_gives_one_message_and_exit_code_3(name, tmp_path, capsys):
    text, expected = PRICE_FILES[name]
    prices = tmp_path / "mine.csv"
    if text is not None:
        prices.write_text(text)
    assert main(["price", "examples/receipts", "--prices", str(prices)]) == 3
    assert expected in capsys.readouterr().err


RECORDS = {
    "not json": "{",
    "a list": "[]",
    "another format": '{"format": 2}',
    "no record": '{"format": 1}',
    "wrong types": '{"format": 1, "record": [], "spec": {}, "questions": {}, "prices": []}',
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_file_that_is_no_record_is_neither_checked_nor_replaced(name, tmp_path, capsys):
    record = tmp_path / "decision.json"
    record.write_text(RECORDS[name])
    assert main(["check", str(record)]) == 2
    assert main(["decide", "examples/receipts", "--out", str(tmp_path)]) == 2
    assert record.read_text() == RECORDS[name]
    assert [path.name for path in tmp_path.iterdir()] == ["decision.json"]
    assert "error: " in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    taken = tmp_path / "file"
    taken.write_text("")
    assert main(["decide", "examples/receipts", "--out", str(taken / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err
