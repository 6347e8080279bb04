"""``outgrow simulate`` with measured files: replays, records, months drawn from a trace, and what cannot be used."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from .test_contract import answer, outgrow

RECEIPTS = "examples/receipts"
FLEX = ("--option", "runpod-flex", "--setting", "idle_timeout_s=5")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Six days, forty requests at noon a minute and a half apart; RunPod's own words."""
    rows = [
        f"2026-03-{day + 1:02d}T12:{place * 90 // 60:02d}:{place * 90 % 60:02d}Z,{2000 + 100 * (place % 5)},{place % 2}"
        for day in range(6)
        for place in range(40)
    ]
    file = tmp_path / "jobs.csv"
    file.write_text("\n".join(["createdAt,executionTime,cold", *rows, ""]))
    return file


def test_a_replay_says_what_an_option_would_have_done_with_each_request(log: Path, tmp_path: Path) -> None:
    records = tmp_path / "rows.csv"
    data = answer(
        *("simulate", RECEIPTS, *FLEX, "--option", "runpod-active", "--trace", str(log), "--replay"),
        *("--records", str(records)),
    )
    assert {"format", "replay", "recorded", "engine", "options"} == data.keys()
    assert data["replay"]["requests"] == 240
    assert data["recorded"]["cold_share"] == 0.5
    flex, active = data["options"]
    assert flex["requests"] == pytest.approx(240)
    # The guessed start of 60 s, then about 2.2 s of work and 5 s of idling: a request every 90 s meets a start.
    assert flex["cold_starts"] == pytest.approx(240, abs=1)
    assert flex["billed_worker_hours"] == pytest.approx(240 * (60 + 2.2 + 5) / 3600, rel=0.01)
    assert flex["p50_s"] == pytest.approx(62.2, rel=0.01)
    assert active["p99_s"] == pytest.approx(2.4, rel=0.01)
    with records.open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 2 * 240
    of_flex = [row for row in rows if row["option"] == "runpod-flex"]
    assert {row["task"] for row in rows} == {"receipts"}
    assert {row["ending"] for row in rows} == {"completed"}
    assert all(row["met_start"] == "1" for row in of_flex)
    waited = [float(row["ended_s"]) - float(row["arrived_s"]) for row in of_flex]
    assert sorted(waited)[len(waited) // 2] == pytest.approx(62.2, abs=0.1)
    assert 0 <= float(of_flex[0]["arrived_s"]) - 12 * 3600 < 1  # stamped to the second, spread within it


def test_the_terminal_shows_the_replay_and_what_the_log_says(log: Path) -> None:
    done = outgrow("simulate", RECEIPTS, *FLEX, "--trace", str(log), "--replay")
    assert done.returncode == 0, done.stderr
    assert "240 requests of jobs.csv" in done.stdout
    assert "the log itself: 50 % of requests met a start" in done.stdout
    assert "note: read: time from createdAt, service from executionTime (ms), cold from cold" in done.stderr


def test_months_are_drawn_from_a_trace_and_scaled(log: Path) -> None:
    once, twice = (
        answer("simulate", RECEIPTS, *FLEX, "--trace", str(log), "--replications", "8", *more)
        for more in ((), ("--scale", "2"))
    )
    assert once["study"]["arrivals"] == ["trace"]
    assert [entry["file"] for entry in once["study"]["files"]] == ["jobs.csv"]
    bills = [study["options"][0]["bill_usd"]["median"] for study in (once, twice)]
    assert 1.1 * bills[0] < bills[1] < 2.01 * bills[0]


def test_records_of_drawn_arrivals_are_those_of_the_first_month(tmp_path: Path) -> None:
    records = tmp_path / "rows.csv"
    words = ("simulate", RECEIPTS, *FLEX, "--replications", "1", "--records", str(records))
    data = answer(*words, "--engine", "plain")
    first = records.read_text()
    assert answer(*words, "--engine", "compiled")["options"] == data["options"]
    assert records.read_text() == first
    rows = list(csv.DictReader(first.splitlines()))
    late = [float(row["ended_s"]) - float(row["arrived_s"]) for row in rows]
    assert sorted(late)[len(late) // 2] == pytest.approx(data["options"][0]["p50_s"]["median"], rel=0.02)
    assert min(float(row["arrived_s"]) for row in rows) >= 86_400


def test_measured_cold_starts_take_the_place_of_the_guess(tmp_path: Path) -> None:
    (tmp_path / "starts.txt").write_text("20\n20\n20\n20\n")
    words = ("simulate", RECEIPTS, *FLEX, "--cold-starts", str(tmp_path / "starts.txt"), "--replications", "4")
    (flex,) = answer(*words)["options"]
    assert flex["p50_s"]["median"] == pytest.approx(23, rel=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--replay",), "--replay: needs a trace; found none"),
        (("--scale", "2"), "--scale: is about a --trace; found none"),
        (("--trace", "LOG", "--scale", "0"), "--scale: found 0; allowed is above 0 up to 1,000"),
        (("--trace", "LOG", "--task", "chat"), "--task: found 'chat'; tasks: receipts"),
        (("--trace", "gone.csv"), "gone.csv: not found"),
        (("--trace", "LOG", "--replay", "--arrivals", "poisson"), "--arrivals: found poisson with --replay"),
        (("--trace", "LOG", "--replay", "--cores", "2"), "--cores: found 2 with --replay"),
        (("--trace", "LOG", "--replay", "--replications", "10"), "--replications: found 10 with --replay"),
        (("--task", "nonsense"), "--task: found 'nonsense', and no measured file that is about it"),
        (("--timezone", "Mars"), "--timezone: says how a --trace is read; found none"),
        (("--skip-bad",), "--skip-bad: says how a --trace is read; found none"),
        (("--column", "time=x", "--cold-starts", "LOG"), "--column: says how a --trace is read; found none"),
        (("--drop-duplicates",), "--drop-duplicates: says how a --trace is read; found none"),
        (("--trace", "LOG", "--column", "time=a", "--column", "time=b"), "--column: time is named twice, 'a' and 'b'"),
        (("--trace", "LOG", "--output-tokens-per-s", "9"), "--output-tokens-per-s: found 9, and jobs.csv counts no"),
        (("--out", ""), "argument --out: found ''; allowed is the name of a file"),
        (("--cold-starts", "gone.csv"), "gone.csv: not found"),
        (("--trace", "LOG", "--column", "time=when"), "no column 'when'"),
    ],
)
def test_what_cannot_be_played_is_said_in_one_line(log: Path, words: tuple[str, ...], said: str) -> None:
    done = outgrow("simulate", RECEIPTS, *FLEX, *(str(log) if word == "LOG" else word for word in words))
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_replay_is_written_whole(log: Path, tmp_path: Path) -> None:
    done = outgrow("simulate", RECEIPTS, *FLEX, "--trace", str(log), "--replay", "--out", str(tmp_path / "r.json"))
    assert done.returncode == 0
    assert json.loads((tmp_path / "r.json").read_text())["replay"]["requests"] == 240
    assert sorted(file.name for file in tmp_path.iterdir()) == ["jobs.csv", "r.json"]


def test_every_verb_says_how_the_files_of_a_spec_were_read(log: Path, tmp_path: Path) -> None:
    spec = Path(RECEIPTS, "service.yaml").read_text()
    anchor = "    cold_start_s: "
    assert anchor in spec
    named = spec.replace(anchor, "    arrivals: {kind: trace, file: jobs.csv}\n" + anchor)
    (tmp_path / "service.yaml").write_text(named)
    for words in (("price", str(tmp_path)), ("decide", str(tmp_path), "--json")):
        done = outgrow(*words)
        assert done.returncode == 0, done.stderr
        assert "note: read: time from createdAt, service from executionTime (ms), cold from cold" in done.stderr


def stamps(tmp_path: Path, name: str, seconds: list[float]) -> Path:
    file = tmp_path / name
    file.write_text("\n".join(["timestamp,service_s", *(f"{1_772_323_200 + at},2" for at in seconds), ""]))
    return file


def test_every_request_of_a_replay_is_accounted_for(tmp_path: Path) -> None:
    two = stamps(tmp_path, "two.csv", [0, 5])
    (flex,) = answer("simulate", RECEIPTS, *FLEX, "--trace", str(two), "--replay")["options"]
    assert (flex["requests"], flex["endings"]["completed"], flex["endings"]["unfinished"]) == (2, 1, 0)
    assert flex["p50_s"] > 50
    assert flex["billed_worker_hours"] * 3600 == pytest.approx(2 * (60 + 2 + 5))  # the second one waited over 4 s
    gap = stamps(tmp_path, "gap.csv", [60.0 * at + (864_000 if at >= 10 else 0) for at in range(20)])
    records = tmp_path / "rows.csv"
    words = ("simulate", RECEIPTS, *FLEX, "--trace", str(gap), "--replay", "--records", str(records))
    (flex,) = answer(*words)["options"]
    assert len(records.read_text().splitlines()) == 1 + 20
    assert flex["p99_s"] > 3600  # those after the quiet days wait until a person raises the limit


def test_what_is_never_answered_is_said(tmp_path: Path) -> None:
    busy = stamps(tmp_path, "busy.csv", [0.05 * at for at in range(300_000)])  # 40 workers' worth of work for three
    (flex,) = answer("simulate", RECEIPTS, *FLEX, "--trace", str(busy), "--replay")["options"]
    endings = flex["endings"]
    assert endings["completed"] + endings["unfinished"] == pytest.approx(1)
    assert endings["completed"] == pytest.approx((4.17 + 24) * 3600 * 3 / 2 / 300_000, rel=0.02)
    assert (flex["p95_s"], flex["delayed_share"]) == (None, pytest.approx(1, abs=1e-3))
    study = answer(
        "simulate", RECEIPTS, *FLEX, "--set", "inference.receipts.requests_per_day=200000", "--replications", "2"
    )
    (flex,) = study["options"]
    assert flex["endings"]["unfinished"] > 0.1
    assert flex["p95_s"]["median"] is None


def test_a_trace_in_a_spec_is_replayed_as_recorded_for_the_task_it_is_of(log: Path, tmp_path: Path) -> None:
    spec = Path(RECEIPTS, "service.yaml").read_text()
    anchor = "    cold_start_s: "
    named = spec.replace(anchor, "    arrivals: {kind: trace, file: jobs.csv}\n" + anchor)
    other = spec[spec.index("  - name: receipts") : spec.index("team:")].replace("name: receipts", "name: other")
    stamps(tmp_path, "other.csv", [3600.0 * at for at in range(100)])
    other = other.replace(anchor, "    arrivals: {kind: trace, file: other.csv}\n" + anchor)
    (tmp_path / "service.yaml").write_text(named.replace("team:", other.rstrip() + "\n\nteam:"))
    refused = outgrow("simulate", str(tmp_path), *FLEX, "--replay")
    assert refused.returncode == 2
    assert "--task: receipts, other have traces; say which is replayed" in refused.stderr
    for task, requests in (("receipts", 240), ("other", 100)):
        data = answer("simulate", str(tmp_path), *FLEX, "--replay", "--task", task)
        assert (data["replay"]["task"], data["replay"]["requests"]) == (task, requests)
        assert data["options"][0]["requests"] == pytest.approx(requests)


def test_months_without_a_request_have_no_times() -> None:
    words = ("simulate", RECEIPTS, *FLEX, "--set", "inference.receipts.requests_per_day=0.02", "--replications", "16")
    (flex,) = answer(*words)["options"]
    assert flex["p50_s"]["low"] > 30


def documented(kind: str) -> set[str]:
    """Every name in quotes in the README's paragraph on ``simulate --json``, up to or from what it says of replays."""
    readme = Path("README.md").read_text()
    paragraph = readme[readme.index("`simulate --json`") :].split("\n\n")[0]
    study, replay = paragraph.split("With\n`--replay`")
    return set(re.findall(r'"(\w+)"', study if kind == "study" else replay))


def test_the_answers_have_the_keys_that_the_readme_names(log: Path) -> None:
    study = answer("simulate", RECEIPTS, *FLEX, "--replications", "2")
    inherited = {"months", "bill_usd", "p50_s", "p95_s", "p99_s", "cold_share", "delayed_share", "utilisation_frac"}
    inherited |= {"endings", "kept_share", "broke"}
    assert study.keys() | study["study"].keys() | study["options"][0].keys() == documented("study") | inherited
    replay = answer("simulate", RECEIPTS, *FLEX, "--trace", str(log), "--replay")
    found = replay.keys() | replay["replay"].keys() | replay["recorded"].keys() | replay["options"][0].keys()
    assert found == documented("replay")
    assert set(study["options"][0]["endings"]) == {
        *("completed", "rejected", "timed_out", "abandoned", "failed", "unfinished"),
    }
