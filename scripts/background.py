"""Writes docs/background.md and its plots from runs of the simulator: python scripts/background.py."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import background_example as receipts
import background_plots as plots
import background_runs as runs
from background_pairs import compared

from outgrow.decide.decision import SAMPLES
from outgrow.decide.months import spread_of
from outgrow.domain.arrivals import POISSON, SESSIONS
from outgrow.domain.units import SEED
from outgrow.record.numbers import money, number, significant
from outgrow.sim.laws import Lognormal, lognormal_parameters
from outgrow.sim.requests import DAY_S
from outgrow.sim.runs import WARM_UP_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from background_example import Example, Mean
    from background_pairs import Compared
    from background_runs import Checked, Ramp, Step, Tail

DOCS = Path(__file__).resolve().parents[1] / "docs"
TEMPLATE = Path(__file__).with_name("background.template.md")

Words = dict[str, str]
COUNTS = (10, 30, SAMPLES, receipts.MANY)


def background() -> Words:
    """The page and its plots, by path below docs/."""
    example = receipts.open_example()
    scene, ramps = runs.scene(example), (runs.ramp(example, POISSON), runs.ramp(example, receipts.ALIKE))
    tails = (runs.tail(example, POISSON), runs.tail(example, SESSIONS))
    bills, steps, pairs = example.bills(receipts.IDLE_S, receipts.MANY), runs.ladder(example), compared(example)
    words = {
        **_setting(example),
        **_formulas(example, bills, steps[1].bill_usd),
        **_warm_up(example, *ramps),
        **_months(example, bills),
        **_tails(*tails),
        **_clusters(example, steps),
        **_pairs(pairs),
    }
    return {
        "background.md": TEMPLATE.read_text(encoding="utf-8").format_map(words),
        "background/scene.svg": plots.scene_plot(scene),
        "background/warm-up.svg": plots.ramp_plot(*ramps),
        "background/months.svg": plots.months_plot(bills[:SAMPLES]),
        "background/tail.svg": plots.tail_plot(*tails),
        "background/poisson.svg": plots.ladder_plot(steps),
        "background/pairs.svg": plots.pairs_plot(pairs[0]),
    }


def _setting(example: Example) -> Words:
    """What is played throughout."""
    pool = example.pool
    return {
        "per_day": significant(example.arrivals.per_day, 3),
        "peak_share": number(100 * sum(sorted(example.arrivals.per_hour)[-2:]) / example.arrivals.per_day),
        "service": significant(pool.service.mean_s),
        "cold": significant(pool.cold_start.mean_s),
        "idle": significant(pool.idle_timeout_s),
        "workers": str(pool.max_workers),
        "seed": str(SEED),
        "samples": str(SAMPLES),
        "many": number(receipts.MANY),
    }


def _formulas(example: Example, bills: Sequence[float], poisson: Mean) -> Words:
    one, mean = runs.one_worker(example), receipts.mean_of(bills)
    return {
        "one_per_hour": significant(one.per_hour, 3),
        **_checked("starts", one.starts, 4),
        **_checked("response", one.response_s, 2),
        **_checked("billed", one.billed, 2, times=100),
        "one_runs": str(runs.ONE_WORKER_RUNS),
        "one_days": str(runs.ONE_WORKER_DAYS),
        "formula_bill": money(example.bill_by_formula(receipts.IDLE_S)),
        "poisson_bill": money(poisson.value),
        "poisson_bill_error": number(poisson.half_width, 2),
        "mean_bill": money(mean.value),
        "mean_bill_error": number(mean.half_width, 2),
    }


def _checked(name: str, checked: Checked, decimals: int, *, times: float = 1.0) -> Words:
    found = checked.found
    return {
        f"{name}_formula": number(times * checked.formula, decimals),
        f"{name}_found": f"{number(times * found.value, decimals)} ± {number(times * found.half_width, decimals)}",
    }


def _warm_up(example: Example, poisson: Ramp, sessions: Ramp) -> Words:
    mornings = runs.first_mornings(example)
    opens, closes = runs.OPEN_HOURS
    return {
        "load": number(100 * runs.RAMP_LOAD),
        "ramp_runs": number(runs.RAMP_RUNS),
        "ramp_formula": number(runs.ramp_formula_s(example), 2),
        "poisson_settled": _plus_minus(poisson.settled_s),
        "poisson_minutes": number(poisson.settled_after_min),
        "sessions_minutes": number(sessions.settled_after_min),
        "first_frac": number(100 * sessions.first_frac),
        "next_frac": number(100 * sessions.next_frac),
        "warm_up": {1.0: "one"}.get(WARM_UP_S / DAY_S, significant(WARM_UP_S / DAY_S)),
        "opens": str(opens),
        "closes": str(closes),
        "morning_1": number(mornings[0]),
        "morning_2": number(mornings[1]),
        "settled_runs": str(runs.SETTLED_RUNS),
        "settled_days": str(runs.SETTLED_DAYS),
        "open_runs": str(runs.OPEN_RUNS),
    }


def _plus_minus(mean: Mean) -> str:
    return f"{number(mean.value, 2)} ± {number(mean.half_width, 2)}"


def _months(example: Example, bills: Sequence[float]) -> Words:
    deviation, mean = statistics.stdev(bills), statistics.fmean(bills)
    alike = example.with_requests("meals", receipts.ALIKE).bills(receipts.IDLE_S, receipts.MANY)
    covered, groups = runs.covered(bills, 30)
    return {
        "deviation": money(deviation),
        "deviation_percent": number(100 * deviation / mean),
        "alike_percent": number(100 * statistics.stdev(alike) / statistics.fmean(alike)),
        "months_rows": "\n".join(_months_row(bills[:count]) for count in COUNTS),
        "thirty_percent": _percent_known(bills[:30]),
        "samples_percent": _percent_known(bills[:SAMPLES]),
        "covered": str(covered),
        "groups": str(groups),
    }


def _percent_known(bills: Sequence[float]) -> str:
    mean = receipts.mean_of(bills)
    return number(100 * mean.half_width / mean.value, 1)


def _months_row(bills: Sequence[float]) -> str:
    mean, spread = receipts.mean_of(bills), spread_of(bills)
    interval = f"{money(mean.value)} ± {number(mean.half_width, 2)}"
    return f"| {number(len(bills))} | {interval} | {money(spread.low)} to {money(spread.high)} |"


def _tails(alike: Tail, differ: Tail) -> Words:
    return {
        "tail_per_day": number(runs.TAIL_PER_DAY),
        "beyond": number(runs.TAIL_PER_DAY * 0.01),
        "alike_1_low": number(alike.p99_s[0].low, 1),
        "alike_1_high": number(alike.p99_s[0].high, 1),
        "alike_64_low": number(alike.p99_s[-1].low, 1),
        "alike_64_high": number(alike.p99_s[-1].high, 1),
        "differ_1": number(differ.p99_s[0].median, 1),
        "differ_64_low": number(differ.p99_s[-1].low, 1),
        "differ_64_high": number(differ.p99_s[-1].high, 1),
        "differ_settled": number(differ.settled_s, 1),
        "long_days": number(runs.TAIL_LONG_DAYS),
        "tail_runs": str(runs.TAIL_RUNS),
    }


def _clusters(example: Example, steps: Sequence[Step]) -> Words:
    flat, hours, sessions, days = steps
    busy_days, busy_requests = runs.busy_days(1 / runs.BUSY_FRAC)
    server_sessions, server_poisson = runs.always_on_bills(example)
    return {
        "size": significant(SESSIONS.session_size),
        "gap": significant(SESSIONS.session_gap_s),
        "gap_share": number(100 * _gaps_within(receipts.COLD_START_S + receipts.IDLE_S)),
        "flat_starts": number(flat.starts, 2),
        "flat_bill": money(flat.bill_usd.value),
        "flat_long": money(flat.long_idle_usd.value),
        "days_starts": number(days.starts, 2),
        "days_bill": money(days.bill_usd.value),
        "days_long": money(days.long_idle_usd.value),
        "long_idle": significant(receipts.LONG_IDLE_S),
        "long_months": str(runs.LONG_IDLE_MONTHS),
        "hours_p99": significant(hours.server_p99_s.median, 3),
        "sessions_p99": significant(sessions.server_p99_s.median, 3),
        "days_p99": significant(days.server_p99_s.median, 3),
        "server_per_day": number(runs.server_per_day(example)),
        "busy_percent": number(100 * busy_days),
        "busy_requests": number(100 * busy_requests),
        "server_sessions": money(server_sessions),
        "server_poisson": money(server_poisson),
    }


def _gaps_within(seconds: float) -> float:
    """Share of the gaps inside a session of at most so many seconds."""
    m, s = lognormal_parameters(Lognormal(mean_s=SESSIONS.session_gap_s, cv=SESSIONS.session_gap_cv))
    return NormalDist(m, s).cdf(math.log(seconds))


def _pairs(pairs: Sequence[Compared]) -> Words:
    like = pairs[0]
    return {
        "pair_mean": money(like.mean_usd),
        "pair_idle": significant(receipts.NEAR_IDLE_S),
        "pair_right": str(sum(value * like.mean_usd > 0 for value in like.same)),
        "pair_wrong": str(sum(value * like.mean_usd < 0 for value in like.own)),
        "pairs_rows": "\n".join(map(_pairs_row, pairs)),
    }


def _pairs_row(pair: Compared) -> str:
    cells = (
        pair.name,
        money(pair.mean_usd),
        money(statistics.stdev(pair.same)),
        money(statistics.stdev(pair.own)),
        f"{significant(pair.saved, 2)} times",
    )
    return f"| {' | '.join(cells)} |"


def write(docs: Path = DOCS) -> None:
    """Writes all files below ``docs``."""
    for name, text in background().items():
        target = docs / name
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write()
