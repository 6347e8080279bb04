"""Numbers at the terminal read as people write them."""

from __future__ import annotations

import pytest

from outgrow.cli.played import show_replay, show_study
from outgrow.cli.terminal import counted, share


@pytest.mark.parametrize(
    ("part", "shown"),
    [(1.0, "100 %"), (0.9999, "> 99.9 %"), (0.997, "99.7 %"), (0.994, "99 %"), (0.153, "15 %"), (0.00031, "0.031 %")],
)
def test_a_share_has_no_exponent_and_all_is_said_of_all_only(part: float, shown: str) -> None:
    assert share(part) == shown


def test_one_is_not_several() -> None:
    assert [counted(count, "day") for count in (0, 1, 2, 1000)] == ["0 days", "1 day", "2 days", "1,000 days"]
    assert [counted(count, "day", ".4g") for count in (1.00001, 0.5)] == ["1 day", "0.5 days"]


def test_one_month_in_which_everything_times_out_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"low": 1.0, "median": 1.0, "high": 1.0}
    option = {
        "option": "runpod-flex", "settings": {}, "bill_usd": figures, "p50_s": None, "p95_s": None, "p99_s": None,
        "delayed_share": None, "cold_share": None, "utilisation_frac": None, "kept_share": 0.0, "broke": [],
        "endings": {"completed": 0.0, "timed_out": 1.0}, "attempts": 1.0,
    }  # fmt: skip
    study = {"service": "s", "region": "r", "months": 1, "arrivals": "poisson", "seed": 1, "warm_up_days": 1.0}
    show_study({"study": study, "engine": "plain", "options": [option]})
    said = capsys.readouterr().out
    assert "1 month, poisson arrivals, seed 1, warm-up 1 day, plain kernel" in said
    assert "requests timed out 100 %; 1 attempt a request" in said


def test_one_request_of_one_day_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    replay = {"task": "r", "service": "s", "region": "r", "requests": 1, "trace": "t", "days": 1.0, "seed": 1}
    recorded = {"p50_s": None, "p95_s": None, "p99_s": None, "cold_share": None, "workers": 1}
    show_replay({"replay": replay, "engine": "plain", "options": [], "recorded": recorded})
    said = capsys.readouterr().out
    assert "1 request of t in 1 day as recorded" in said
    assert "the log itself: 1 worker\n" in said
