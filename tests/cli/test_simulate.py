"""``outgrow simulate`` as installed: figures the documents quote, interruption at any moment, bad input."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .test_contract import OUTGROW, ROOT, answer, outgrow

if TYPE_CHECKING:
    from pathlib import Path

FLEX = ("--option", "runpod-flex", "--setting", "idle_timeout_s=5")
RECEIPTS = "examples/receipts"


@pytest.mark.parametrize(
    ("a_day", "cold_s", "usd", "within"),
    [
        (50, 30, 10.7, 0.1),
        (50, 60, 19, 0.1),
        (50, 120, 35, 0.1),
        (600, 30, 90, 0.15),
        (600, 60, 130, 0.15),
        (600, 120, 185, 0.15),
    ],
)
def test_flex_costs_what_a_month_of_independent_requests_makes_it_cost(
    a_day: int, cold_s: int, usd: float, within: float
) -> None:
    moved = (
        "--set",
        f"inference.receipts.requests_per_day={a_day}",
        "--set",
        f"inference.receipts.cold_start_s={cold_s}",
    )
    data = answer("simulate", RECEIPTS, *FLEX, *moved, "--arrivals", "poisson", "--replications", "60")
    (flex,) = data["options"]
    assert flex["bill_usd"]["median"] == pytest.approx(usd, rel=within)
    if a_day == 50:
        assert 0.97 <= flex["delayed_share"]["median"] <= 0.985
        assert flex["p50_s"]["median"] == pytest.approx(cold_s + 3, abs=0.01)
        assert flex["p95_s"]["median"] == pytest.approx(cold_s + 3, abs=0.01)


def test_sessions_cost_less_on_flex_and_wait_longer_on_one_server_than_poisson_says() -> None:
    words = (
        "simulate",
        RECEIPTS,
        *FLEX,
        "--option",
        "runpod-active",
        "--set",
        "inference.receipts.requests_per_day=358",
    )
    sessions, poisson = (answer(*words, "--arrivals", kind)["options"] for kind in ("sessions", "poisson"))
    assert sessions[0]["bill_usd"]["median"] < 0.95 * poisson[0]["bill_usd"]["median"]
    assert sessions[1]["p99_s"]["median"] > poisson[1]["p99_s"]["median"]


def test_the_terminal_shows_one_line_an_option_and_what_breaks() -> None:
    done = outgrow("simulate", RECEIPTS, "--replications", "5")
    assert done.returncode == 0
    assert "5 months, sessions arrivals, seed 20240201, warm-up 1 day" in done.stdout
    assert "runpod-flex idle_timeout_s=1.0" in done.stdout
    assert "ec2-gpu: breaks budget in 100 % of the months" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) < 200


def simulate_slowly(target: Path) -> subprocess.Popen[bytes]:
    words = [
        "simulate",
        RECEIPTS,
        *FLEX,
        "--replications",
        "400",
        "--engine",
        "plain",
        "--cores",
        "1",
        "--out",
        str(target),
    ]
    return subprocess.Popen([OUTGROW, *words], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_parts(target: Path, count: int, child: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while len(list(target.parent.glob(f".{target.name}.parts/part-*.json"))) < count:
        assert child.poll() is None, child.stderr.read() if child.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_study_killed_at_any_moment_leaves_whole_files_and_goes_on(how: signal.Signals, tmp_path: Path) -> None:
    target = tmp_path / "study.json"
    child = simulate_slowly(target)
    wait_for_parts(target, 3, child)
    child.send_signal(how)
    _, said = child.communicate(timeout=20)
    assert child.returncode == (-9 if how == signal.SIGKILL else 130), said
    assert not target.exists()
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or json.loads(file.read_text())
    words = ("simulate", RECEIPTS, *FLEX, "--replications", "400")
    again = outgrow(*words, "--out", str(target))  # the compiled kernel may finish what the plain one began
    assert again.returncode == 0, again.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["study.json"]
    fresh = tmp_path / "fresh" / "study.json"
    assert outgrow(*words, "--out", str(fresh)).returncode == 0
    assert json.loads(target.read_text()) == json.loads(fresh.read_text())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--replications", "0"), 2, "--replications: found 0; allowed is 1 to 100,000"),
        (("--replications", "x"), 2, "argument --replications: invalid int value: 'x'"),
        (("--cores", "0"), 2, "--cores: found 0; allowed is 1 to 1,024"),
        (("--setting", "idle_timeout_s"), 2, "--setting: found 'idle_timeout_s'; expected NAME=VALUE"),
        (("--setting", "idle_timeout_s=-1"), 2, "--setting: idle_timeout_s=-1; a number is 0 to 1e9"),
        (("--setting", "nap=1"), 2, "--setting: no option played here has 'nap'"),
        (("--option", "flex"), 2, "--option: unknown option 'flex'"),
        (("--out", "."), 2, "--out: . is a folder; name a file"),
        (("--on", "2026-13-01"), 2, "--on: found '2026-13-01'; expected a date"),
        (("--on", "dask://nowhere"), 2, "--on: found 'dask://nowhere'; a cluster is dask://HOST:PORT"),
        (("--on", "dask://127.0.0.1:9", "--cores", "2"), 2, "--cores: is for this machine"),
    ],
)
def test_bad_words_get_one_message(words: tuple[str, ...], code: int, said: str) -> None:
    done = outgrow("simulate", RECEIPTS, *words)
    assert done.returncode == code
    assert done.stderr.startswith(f"error: {said}"), done.stderr
    assert done.stdout == ""


def test_help_says_that_a_cluster_is_named_like_a_day() -> None:
    assert "dask://HOST:PORT" in outgrow("simulate", "--help").stdout
    assert "dask" not in outgrow("price", "--help").stdout
    done = outgrow("price", RECEIPTS, "--on", "dask://127.0.0.1:9")
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        2,
        "error: --on: found 'dask://127.0.0.1:9'; expected a date such as 2026-11-23",
    )


def test_a_day_and_a_cluster_may_both_be_named() -> None:
    done = outgrow("simulate", RECEIPTS, "--on", "2026-11-24", "--on", "dask://x", "--replications", "1")
    assert done.stderr.startswith("error: --on: found 'dask://x'")
    data = answer("simulate", RECEIPTS, *FLEX, "--on", "2026-11-24", "--replications", "2")
    assert data["study"]["on"] == "2026-11-24"
