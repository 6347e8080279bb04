"""``outgrow review``: a week whose numbers were changed behind its back is told apart, cause by cause."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outgrow.domain.shapes import DAY_SHAPES
from outgrow.sim.compiled import draw_arrivals, draw_many
from outgrow.sim.laws import Lognormal
from outgrow.sim.requests import DAY_S, Sessions

from .test_contract import answer, outgrow

MONDAY = datetime(2026, 10, 31, 15, tzinfo=UTC)  # midnight in Seoul
SPEC = ("review", "examples/receipts", "--option", "runpod-flex", "--timezone", "Asia/Seoul", "--now", "2026-11-23")
DAYS = 21


def week(tmp_path: Path, *, a_day: float = 50, start_s: float = 60.0, quiet: tuple[int, int] = (0, 0)) -> str:
    """Three weeks of the receipts example; every request says how long it was worked on and which start it met."""
    process = Sessions(
        per_hour=tuple(a_day * share for share in DAY_SHAPES["meals"]),
        size=2.2,
        gap=Lognormal(mean_s=100, cv=1),
        day_variance=0.44,
    )
    times = draw_arrivals(process, 5, DAYS * DAY_S)
    starts = draw_many(Lognormal(mean_s=start_s, cv=0.1), 6, 2, len(times))
    rows = [
        f"{(MONDAY + timedelta(seconds=at)).isoformat()},3,{start:.2f}"
        for at, start in zip(times, starts, strict=True)
        if not quiet[0] * DAY_S <= at < quiet[1] * DAY_S
    ]
    file = tmp_path / "jobs.csv"
    file.write_text("\n".join(["timestamp,execution_s,cold_start_s", *rows, ""]))
    return str(file)


def reviewed(*words: str, code: int = 1) -> dict[str, Any]:
    return answer(*SPEC, *words, code=code)


def effects(data: dict[str, Any]) -> dict[str, float]:
    return {effect["factor"]: effect["usd"] for effect in data["bill"]["effects"]}


def verdicts(data: dict[str, Any]) -> dict[str, bool]:
    return {row["input"].removeprefix("inference.receipts."): row["as_assumed"] for row in data["inputs"]}


def test_what_came_as_it_was_assumed_is_called_so(tmp_path: Path) -> None:
    data = reviewed("--trace", week(tmp_path), code=0)
    found = verdicts(data)
    assert all(found[name] for name in ("requests_per_day", "service_s", "cold_start_s", "arrivals.session_size"))
    bill = data["bill"]
    assert bill["expected_usd"] == pytest.approx(bill["assumed_usd"], rel=0.2)
    assert bill["expected_usd"] - bill["assumed_usd"] == pytest.approx(sum(effects(data).values()))
    assert bill["billed_usd"] is bill["unexplained_usd"] is None
    assert data["choice"] == {"runs": "runpod-flex", "now": "runpod-flex", "platform": "ec2-single"}
    assert data["fragment"].startswith("# Measured from jobs.csv")


def test_three_times_the_demand_and_twice_the_start_are_found_and_shared_out(tmp_path: Path) -> None:
    data = reviewed("--trace", week(tmp_path, a_day=150, start_s=120), "--billed", "100")
    found = verdicts(data)
    assert (found["requests_per_day"], found["cold_start_s"], found["arrivals.session_size"]) == (False, True, True)
    times = {row["input"].rsplit(".", 1)[-1]: row["times"] for row in data["inputs"]}
    assert times["requests_per_day"] == pytest.approx(3, rel=0.25)
    assert times["cold_start_s"] == pytest.approx(2, rel=0.02)
    shares = effects(data)
    assert shares["requests"] > shares["cold-start"] > 10 > abs(shares["hours-and-sessions"])
    bill = data["bill"]
    assert sum(shares.values()) == pytest.approx(bill["expected_usd"] - bill["assumed_usd"])
    assert bill["billed_usd"] == pytest.approx(100 * 365 / 12 / data["measured_from"]["days"])
    assert bill["unexplained_usd"] == pytest.approx(bill["billed_usd"] - bill["expected_usd"])
    assert data["choice"]["now"] == "runpod-hybrid"


def test_a_dearer_dollar_and_a_dearer_second_are_causes_of_their_own(tmp_path: Path) -> None:
    with Path("src/outgrow/catalog/prices/runpod.csv").open() as stream:
        row = next(row for row in csv.DictReader(stream) if row["sku"] == "runpod/serverless-flex/24gb")
    row |= {"rate": f"{1.5 * float(row['rate']):.8f}", "valid_from": "2026-11-23", "as_of": "2026-11-23"}
    prices = tmp_path / "new.csv"
    with prices.open("w") as stream:
        csv.DictWriter(stream, row).writeheader()
        csv.DictWriter(stream, row).writerow(row)
    words = ("--trace", week(tmp_path), "--prices", str(prices), "--on", "2026-11-22", "--per-usd", "1529")
    data = reviewed(*words, code=0)
    shares = effects(data)
    assert shares["currency"] == pytest.approx(0.1 * data["bill"]["assumed_usd"] * 1.25, rel=0.2)
    assert shares["prices"] == pytest.approx(0.5 * data["bill"]["assumed_usd"] * 1.05, rel=0.2)


def test_an_endpoint_that_nobody_asked_for_a_week_is_named(tmp_path: Path) -> None:
    data = reviewed("--trace", week(tmp_path, quiet=(6, 14)), code=0)
    assert "review.switched-off" in [note["code"] for note in data["notes"]]
    assert "review.lowered" in [
        note["code"] for note in reviewed("--trace", week(tmp_path, quiet=(6, 10)), code=0)["notes"]
    ]


def test_the_terminal_shows_inputs_bill_and_what_a_decision_would_take(tmp_path: Path) -> None:
    out = tmp_path / "measured.yaml"
    done = outgrow(*SPEC, "--trace", week(tmp_path, a_day=150, start_s=120), "--billed", "100", "--out", str(out))
    assert done.returncode == 1
    for words in ("assumed", "  requests", "  unexplained", "not runpod-flex", "claim inference-choice: BROKEN"):
        assert words in done.stdout
    assert "source: measured" in out.read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--billed", "-1"), "--billed: found -1; allowed is 0 to 1e12"),
        (("--option", "runpod-flexx"), "unknown option 'runpod-flexx'; did you mean 'runpod-flex'?"),
        (("--task", "chat"), "--task: found 'chat'; tasks: receipts"),
        (("--out", "LOG"), "--out"),
    ],
)
def test_what_cannot_be_reviewed_is_said_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    log = week(tmp_path)
    before = Path(log).read_bytes()
    done = outgrow(*SPEC, "--trace", log, *(log if word == "LOG" else word for word in words))
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert Path(log).read_bytes() == before
