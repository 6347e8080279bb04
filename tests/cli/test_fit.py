"""``outgrow fit`` as the installed command: what it prints, writes and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from outgrow.cli.main import main
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.sim.compiled import draw_arrivals, draw_many
from outgrow.sim.laws import Lognormal
from outgrow.sim.requests import DAY_S, Sessions

OUTGROW = Path(sys.executable).parent / "outgrow"
DAYS = 23
SEOUL_MIDNIGHT = datetime(2026, 1, 4, 15, tzinfo=UTC)


@pytest.fixture(scope="session")
def csv_file(tmp_path_factory) -> Path:
    """Sessions of a service with 358 requests a day, stamps in UTC, hours those of Seoul."""
    per_hour = tuple(358 * share for share in DAY_SHAPES["meals"])
    gap = Lognormal(mean_s=100.0, cv=1.0)
    times = draw_arrivals(Sessions(per_hour=per_hour, size=2.2, gap=gap, day_variance=0.44), 3, DAYS * DAY_S)
    services = draw_many(Lognormal(mean_s=4.0, cv=0.8), 3, 1, len(times))
    rows = [
        f"{(SEOUL_MIDNIGHT + timedelta(seconds=time_s)).isoformat(timespec='milliseconds')},{1000 * took_s:.0f}"
        for time_s, took_s in zip(times, services, strict=True)
    ]
    file = tmp_path_factory.mktemp("fit") / "trace.csv"
    file.write_text("\n".join(["timestamp,execution_time_ms", *rows, ""]))
    return file


@pytest.fixture(scope="session")
def done(csv_file, tmp_path_factory):
    """One run of the installed command with everything it can write."""
    out = tmp_path_factory.mktemp("out") / "measured.yaml"
    words = ["fit", str(csv_file), "--timezone", "Asia/Seoul", "--task", "receipts", "--json", "--out", str(out)]
    run = subprocess.run([OUTGROW, *words], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), out.read_text()


def test_the_answer_has_the_documented_keys(done):
    data, _ = done
    assert data["format"] == 1
    assert {"trace", "estimates", "check", "notes", "fragment"} < data.keys()
    assert data["trace"]["zone"] == "Asia/Seoul"
    assert (data["trace"]["first_day"], data["trace"]["last_day"]) == ("2026-01-05", "2026-01-27")
    assert data["estimates"]["arrivals"] == "sessions"
    assert len(data["estimates"]["day_shape"]) == 24
    for figure in data["check"]["figures"]:
        assert {"name", "unit", "real", "fitted", "fitted_holds", "poisson", "poisson_holds"} <= figure.keys()


def test_what_was_put_in_comes_out(done):
    estimates = done[0]["estimates"]
    for estimate, truth in (
        (estimates["sessions"]["size"], 2.2),
        (estimates["sessions"]["gap_s"], 100),
        (estimates["service"]["mean_s"], 4),
    ):
        assert estimate["low"] <= truth * 1.05
        assert estimate["high"] >= truth * 0.95
        assert estimate["mid"] == pytest.approx(truth, rel=0.15)
    assert estimates["service"]["lognormal"]
    assert estimates["day_shape"][12]["mid"] == pytest.approx(0.4, abs=0.05)
    assert done[0]["check"]["inside"] > 2 * done[0]["check"]["inside_poisson"]


def test_the_fragment_is_part_of_a_spec_marked_measured(done):
    data, text = done
    assert text == data["fragment"]
    assert text.startswith("# Measured from trace.csv: 23 days, ")
    assert "2026-01-05 to 2026-01-27, Asia/Seoul\n" in text
    (task,) = yaml.safe_load(text)["inference"]
    assert task["name"] == "receipts"
    assert len(task["day_shape"]) == 24
    assert sum(task["day_shape"]) == pytest.approx(1, abs=1e-3)
    ranges = [task["requests_per_day"], task["service_s"]]
    ranges += [task["arrivals"][key] for key in ("session_size", "session_gap_s", "day_variance")]
    for found in ranges:
        assert found["source"] == "measured"
        assert found["low"] <= found["mid"] <= found["high"]
    assert task["arrivals"]["kind"] == "sessions"
    assert task["arrivals"]["session_gap_cv"].keys() == {"value", "source"}
    assert task["service_cv"]["value"] == pytest.approx(0.8, rel=0.1)


def test_the_table_names_every_estimate_and_the_verdict(csv_file, capsys):
    assert main(["fit", str(csv_file), "--timezone", "Asia/Seoul"]) == 0
    said = capsys.readouterr()
    for words in ("requests a day", "session size (told by gaps)", "day variance", "service time, s", "from 12 h"):
        assert words in said.out
    assert "fitted to days 1 to 16, held out days 17 to 23" in said.out
    assert "the fit holds for " in said.out
    assert "note: read: time from timestamp, service from execution_time_ms (ms)" in said.err
    assert "hint: --out FILE" in said.err


def small(tmp_path, text: str) -> str:
    file = tmp_path / "t.csv"
    file.write_text(text)
    return str(file)


def test_requests_one_by_one_are_called_poisson(tmp_path, capsys):
    times = draw_arrivals(Sessions(per_hour=(20.0,) * 24), 1, 3 * DAY_S)
    file = small(tmp_path, "ts\n" + "".join(f"{time_s:.3f}\n" for time_s in times))
    assert main(["fit", file, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["estimates"]["arrivals"] == "poisson"
    assert yaml.safe_load(data["fragment"])["inference"][0]["arrivals"] == {"kind": "poisson"}
    assert main(["fit", file]) == 0
    assert "sessions: none found, requests come one by one (poisson)" in capsys.readouterr().out


def test_days_that_differ_without_sessions_are_sessions_of_one_request(tmp_path, capsys):
    times = draw_arrivals(Sessions(per_hour=(20.0,) * 24, day_variance=0.5), 1, 12 * DAY_S)
    file = small(tmp_path, "ts\n" + "".join(f"{time_s:.3f}\n" for time_s in times))
    assert main(["fit", file, "--json"]) == 0
    arrivals = yaml.safe_load(json.loads(capsys.readouterr().out)["fragment"])["inference"][0]["arrivals"]
    assert arrivals["kind"] == "sessions"
    assert arrivals["session_size"] == {"value": 1, "source": "measured"}
    assert arrivals["day_variance"]["low"] > 0.1


def test_a_fit_that_does_not_hold_is_not_recommended(tmp_path, capsys):
    """Bursts of three ten minutes apart: even, and so neither sessions nor poisson give their counts and queues."""
    file = small(
        tmp_path, "ts\n" + "".join(f"{600 * (at // 3) + 2 * (at % 3) + at % 7 / 10:.3f}\n" for at in range(6000))
    )
    assert main(["fit", file]) == 0
    said = capsys.readouterr()
    assert "held-out figures, under half: it does not stand for this trace" in said.err
    assert "arrivals: {kind: trace, file: t.csv}" in said.err
    assert f"hint: this fit does not stand for the trace: outgrow simulate SPEC --trace {file} plays it" in said.err
    assert "hint: --out" not in said.err


def test_a_timer_is_called_even_and_poisson_stands_in(tmp_path, capsys):
    file = small(tmp_path, "ts\n" + "".join(f"{37 * at + at * 7919 % 200 / 10:.3f}\n" for at in range(7000)))
    assert main(["fit", file]) == 0
    said = capsys.readouterr()
    assert "sessions: none, requests come more evenly than by chance (poisson stands in)" in said.out
    assert "note: requests come more evenly than by chance, as from a timer" in said.err
    assert main(["fit", file, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["estimates"]["even"]["of_chance_frac"] < 0.1
    assert yaml.safe_load(data["fragment"])["inference"][0]["arrivals"] == {"kind": "poisson"}
    assert data["estimates"]["requests_per_day"]["high"] > 1.005 * data["estimates"]["requests_per_day"]["mid"]


def test_a_service_time_that_is_not_known_is_asked_for(tmp_path, capsys):
    file = small(tmp_path, "ts\n1\n50\n90\n")
    assert main(["fit", file, "--json"]) == 0
    assert "\n    # service_s: not known from this trace; give it" in json.loads(capsys.readouterr().out)["fragment"]
    file = small(tmp_path, "ts,duration\n1,2\n50,2\n90,3\n")
    assert main(["fit", file, "--json"]) == 0
    assert "# service_s" not in json.loads(capsys.readouterr().out)["fragment"]


def test_tokens_and_cold_starts_reach_the_fragment(tmp_path, capsys):
    rows = [f"{60 * at + at % 7},{500 + at},{20 + at % 5},{20 if at % 9 == 0 else ''}" for at in range(300)]
    file = small(tmp_path, "\n".join(["ts,prompt_tokens,completion_tokens,init_duration_s", *rows]))
    words = ["fit", file, "--json", "--input-tokens-per-s", "1000", "--output-tokens-per-s", "20"]
    assert main(words) == 0
    data = json.loads(capsys.readouterr().out)
    (task,) = yaml.safe_load(data["fragment"])["inference"]
    assert task["service_s"]["mid"] == pytest.approx(0.65 + 1.1, rel=0.01)
    assert task["cold_start_s"]["mid"] == pytest.approx(20)
    assert data["estimates"]["input_tokens"]["mid"] == pytest.approx(649.5)
    assert data["estimates"]["starts"]["share"]["mid"] == pytest.approx(1 / 9, abs=0.01)


def test_a_k6_summary_gives_service_times_and_says_what_it_cannot_give(tmp_path, capsys):
    metrics = {"http_reqs": {"count": 6000, "rate": 100}, "http_req_duration": {"avg": 120, "med": 100, "p(95)": 300}}
    file = small(tmp_path, json.dumps({"metrics": metrics}))
    assert main(["fit", file, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["check"] is None
    (task,) = yaml.safe_load(data["fragment"])["inference"]
    assert task["service_s"]["mid"] == 0.12
    assert "requests_per_day" not in task
    assert main(["fit", file]) == 0
    assert "a summary knows no single request" in capsys.readouterr().err


TOKENS = "ts,prompt_tokens,completion_tokens\n0,100,10\n5,200,20\n9,100,30\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOKENS, "note: output tokens cost no time: no speed was given for them (--output-tokens-per-s)"),
        (
            TOKENS.replace("ts,", "ts,duration,").replace(",100", ",1,100").replace(",200", ",1,200"),
            "note: speeds of tokens are not used: the trace says how long each request took",
        ),
    ],
)
def test_a_speed_that_is_missing_or_not_used_is_told(text, said, tmp_path, capsys):
    assert main(["fit", small(tmp_path, text), "--input-tokens-per-s", "100"]) == 0
    assert said in capsys.readouterr().err


MISTAKES = {
    "missing": (["/nowhere/at/all.csv"], "not found"),
    "folder": (["."], "a folder"),
    "format": (["FILE", "--format", "cvs"], "did you mean 'csv'?"),
    "column": (["FILE", "--column", "tiem=ts"], "did you mean 'time'?"),
    "zone": (["FILE", "--timezone", "Seoul"], "unknown zone 'Seoul'"),
    "speed": (["FILE", "--input-tokens-per-s", "fast"], "--input-tokens-per-s: found 'fast'"),
    "no speed": (["FILE", "--output-tokens-per-s", "0"], "--output-tokens-per-s: found '0'"),
    "seed": (["FILE", "--seed", "x"], "--seed: found 'x'"),
    "task": (["FILE", "--task", "My Task"], "--task: found 'My Task'"),
    "no trace": ([], "TRACE"),
    "years apart": (["YEARS"], "2 requests in 8,400 days, 2001-01-01 to 2023-12-31"),
    "no tokens": (["FILE", "--input-tokens-per-s", "9"], "--input-tokens-per-s: found 9, and FILE counts no input tok"),
    "nowhere": (["FILE", "--out", ""], "argument --out: found ''; allowed is the name of a file"),
    "named twice": (["FILE", "--column", "time=ts", "--column", "time_ms=ts"], "--column: time is named twice"),
    "one request": (["ONE"], "one request; a rate needs at least two moments"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gives_one_message_and_exit_code_2(name, tmp_path, capsys):
    (tmp_path / "FILE").write_text("ts,duration\n1,2\n5,2\n9,1\n")
    (tmp_path / "ONE").write_text("ts\n1\n")
    (tmp_path / "YEARS").write_text("ts\n2001-01-01T00:00:00Z\n2024-01-01T00:00:00Z\n")
    words, expected = MISTAKES[name]
    words = [str(tmp_path / word) if word in {"FILE", "ONE", "YEARS"} else word for word in words]
    out = tmp_path / "out.yaml"
    try:
        code = main(["fit", "--out", str(out), *words])
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert said.err.startswith("error: ")
    assert expected in said.err
    assert said.out == ""
    assert not out.exists()


def test_a_place_that_cannot_be_written_is_named_and_the_old_file_stays(tmp_path, capsys):
    file = small(tmp_path, "ts,duration\n1,2\n5,2\n9,1\n")
    assert main(["fit", file, "--out", file + "/below.yaml"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_long_reading_shows_how_far_it_is(tmp_path, capsys, monkeypatch):
    import outgrow.cli.fit

    monkeypatch.setattr(outgrow.cli.fit, "QUIET_S", 0.0)
    assert main(["fit", small(tmp_path, "ts,duration\n1,2\n5,2\n9,1\n")]) == 0
    assert "read 4 lines\n" in capsys.readouterr().err
