"""Sessions by name, service times and starts, where the log tells them."""

from __future__ import annotations

import statistics
from array import array

import pytest

from outgrow.domain.trace import STARTED, Totals
from outgrow.fit.mixture import two_kinds
from outgrow.fit.names import fit_by_names
from outgrow.fit.process import Speeds, fit_trace
from outgrow.fit.times import fit_starts, fit_times, service_times, warm_services
from outgrow.fit.totals import fit_totals
from outgrow.sim.compiled import draw_many
from outgrow.sim.laws import Exponential, Geometric, Lognormal
from outgrow.sim.requests import DAY_S

from .fitting import drawn, inside, trace_of


def visits(
    seed: int, users: int = 40, sessions: int = 25, size: float = 3.0, gap_s: float = 60.0
) -> list[tuple[float, int]]:
    """Users who come back again and again over three weeks, each time for a few requests."""
    begins = draw_many(Exponential(mean_s=1.0), seed, 0, users * sessions)
    sizes = iter(draw_many(Geometric(mean=size), seed, 1, users * sessions))
    gaps = iter(draw_many(Lognormal(mean_s=gap_s, cv=1.0), seed, 2, 20 * users * sessions))
    rows = []
    for user in range(users):
        at = 0.0
        for session in range(sessions):
            at += 20 * DAY_S / sessions * begins[user * sessions + session]
            time_s = at
            for _ in range(int(next(sizes))):
                rows.append((time_s, user))
                time_s += next(gaps)
    return sorted(rows)


def by_name(rows: list[tuple[float, int]]):
    times, names = [time_s for time_s, _ in rows], [name for _, name in rows]
    return fit_by_names(times, names, (times[0], times[-1]), 0.0)


def test_users_sessions_are_parted_by_a_pause_that_is_found():
    sizes, gaps = [], []
    for seed in range(20):
        rows = visits(seed, users=30, sessions=15)
        named = by_name(rows)
        assert 200 < named.pause_s < 3600
        assert named.fit.by == "names"
        sizes.append(named.fit.size)
        gaps.append(named.fit.gap_s)
    assert statistics.fmean(size.mid for size in sizes) == pytest.approx(3, rel=0.05)
    assert statistics.fmean(gap.mid for gap in gaps) == pytest.approx(60, rel=0.05)
    assert sum(inside(size, 3) for size in sizes) >= 12  # of 20 at 80 % each
    assert sum(inside(gap, 60) for gap in gaps) >= 12


def test_session_names_need_no_pause():
    rows = [(100.0 * session + 3.0 * place, session) for session in range(300) for place in range(1 + session % 3)]
    named = by_name(rows)
    assert named.pause_s is None
    assert named.fit.size.mid == pytest.approx(2, rel=0.03)
    assert named.fit.gap_s.mid == pytest.approx(3, rel=0.2)  # steps of lag are 1.4 apart
    assert named.fit.gap_cv.mid < 0.2


def test_names_that_come_once_are_requests_one_by_one():
    named = by_name([(float(place), place) for place in range(100)])
    assert named is not None
    assert named.fit is None


def test_names_that_never_pause_part_nothing():
    trace = drawn(14, 1, per_day=400)
    machine = trace_of(trace.times_s, trace.span_s, session=array("q", [0] * len(trace.times_s)))
    fit = fit_trace(machine, Speeds())
    assert "trace.names-part-nothing" in {note.code for note in fit.notes}
    assert fit.sessions.by == "gaps"
    assert fit.sessions.size.mid == pytest.approx(2.2, rel=0.3)


def test_names_and_gaps_tell_the_same_sessions():
    rows = visits(9, users=60)
    times, users = [time_s for time_s, _ in rows], array("q", [user for _, user in rows])
    span = (times[0], times[-1])
    named = fit_trace(trace_of(times, span, session=users), Speeds()).sessions
    unnamed = fit_trace(trace_of(times, span), Speeds()).sessions
    assert (named.by, unnamed.by) == ("names", "gaps")
    assert unnamed.size.mid == pytest.approx(named.size.mid, rel=0.15)
    assert unnamed.gap_s.mid == pytest.approx(named.gap_s.mid, rel=0.15)


def test_two_kinds_of_times_are_told_apart_and_one_kind_is_not():
    short, long = (
        draw_many(Lognormal(mean_s=0.2, cv=0.8), 1, 0, 900),
        draw_many(Lognormal(mean_s=30, cv=0.4), 2, 0, 100),
    )
    kinds = two_kinds([*short, *long], 1e-3)
    assert 0.8 < kinds.threshold_s < 16
    assert kinds.shares[1] == pytest.approx(0.1, abs=0.02)
    assert two_kinds(draw_many(Lognormal(mean_s=1, cv=2), 3, 0, 3000), 1e-3) is None
    assert two_kinds([1.0] * 500, 1e-3) is None
    assert two_kinds([1.0, 2.0], 1e-3) is None


@pytest.mark.parametrize("cv", [0.3, 1.0, 2.0])
def test_lognormal_times_are_recovered_and_recognised(cv):
    fits = [fit_times(draw_many(Lognormal(mean_s=4, cv=cv), seed, 1, 3000)) for seed in range(10)]
    assert statistics.fmean(fit.mean_s.mid for fit in fits) == pytest.approx(4, rel=0.03)
    assert sum(inside(fit.mean_s, 4) for fit in fits) >= 5
    assert sum(fit.lognormal for fit in fits) >= 9


def test_times_of_another_law_are_not_called_lognormal():
    mixed = [*draw_many(Lognormal(mean_s=1, cv=0.1), 1, 1, 1500), *draw_many(Lognormal(mean_s=60, cv=0.1), 2, 1, 1500)]
    assert not fit_times(mixed).lognormal
    assert fit_times([]) is None
    assert fit_times([0.0, 0.0]) is None
    assert fit_times([2.0, 2.0, 2.0, 2.0]).cv.mid == 0


def test_tokens_become_times_at_a_stated_speed():
    tokens = {"input_tokens": array("d", [1000, 0]), "output_tokens": array("d", [50, 100])}
    trace = trace_of([1.0, 2.0], (0.0, 3.0), **tokens)
    assert list(service_times(trace, 500.0, 25.0)) == [4.0, 4.0]
    assert list(service_times(trace, None, 50.0)) == [1.0, 2.0]
    assert service_times(trace, None, None) is None
    assert fit_trace(trace, Speeds(output_per_s=50.0)).service_by == "tokens"
    assert fit_trace(trace, Speeds()).service_by is None


def test_starts_are_measured_from_times_flags_or_delays():
    count = 600
    cold = [place % 10 == 0 for place in range(count)]
    starts = draw_many(Lognormal(mean_s=20, cv=0.3), 1, 2, count)
    work = draw_many(Lognormal(mean_s=2, cv=0.5), 2, 1, count)
    times = [60.0 * place for place in range(count)]

    def trace(**columns):
        return trace_of(times, (0.0, 60.0 * count), **{name: array("d", values) for name, values in columns.items()})

    logged = trace(start_s=[start if is_cold else 0.0 for start, is_cold in zip(starts, cold, strict=True)])
    found = fit_starts(logged, None)
    assert (found.by, found.share.mid) == ("logged", 0.1)
    assert found.time.mean_s.mid == pytest.approx(20, rel=0.1)
    whole = [took + is_cold * start for took, is_cold, start in zip(work, cold, starts, strict=True)]
    flagged = trace(start_s=[STARTED if is_cold else 0.0 for is_cold in cold], service_s=whole)
    found = fit_starts(flagged, flagged.service_s)
    assert found.by == "flags"
    assert inside(
        found.time.mean_s, statistics.fmean(start for start, is_cold in zip(starts, cold, strict=True) if is_cold)
    )
    assert found.time.cv.mid == pytest.approx(0.3, abs=0.1)
    assert found.time.quantiles_s is None  # those of the sums, moved by a mean, are not those of the starts
    assert fit_times(warm_services(flagged, flagged.service_s)).mean_s.mid == pytest.approx(2, rel=0.1)
    delayed = trace(
        delay_s=[
            start if is_cold else 0.1 + 0.001 * place
            for place, (start, is_cold) in enumerate(zip(starts, cold, strict=True))
        ]
    )
    found = fit_starts(delayed, None)
    assert (found.by, found.share.mid) == ("delays", 0.1)
    assert found.time.mean_s.mid == pytest.approx(20, rel=0.1)
    assert fit_starts(trace(), None) is None
    assert fit_starts(trace(start_s=[0.0] * count), None) is None


def test_idle_workers_are_seen_alive():
    """One worker serves every minute, with pauses of five minutes it survives; it ends in one of twenty."""
    times = [60.0 * place + 240.0 * (place // 10) for place in range(100)]
    trace = trace_of(
        times,
        (0.0, times[-1]),
        instance=array("q", [place // 50 for place in range(100)]),
        start_s=array("d", [STARTED if place % 50 == 0 else 0.0 for place in range(100)]),
        service_s=array("d", [1.0] * 100),
    )
    assert 250 < fit_starts(trace, trace.service_s).kept_idle_s <= 299


def test_a_summary_gives_a_rate_and_a_law():
    law = draw_many(Lognormal(mean_s=0.4, cv=1.0), 1, 1, 100_000)
    ordered = sorted(law)
    quantiles = tuple((share, ordered[int(share * len(ordered))]) for share in (0.5, 0.9, 0.95, 0.99))
    fit = fit_totals(Totals(name="k6", requests=6000, duration_s=60.0, quantiles_s=quantiles))
    assert fit.per_day.mid == pytest.approx(100 * DAY_S)
    assert fit.mean_s.mid == pytest.approx(0.4, rel=0.03)
    assert fit.cv == pytest.approx(1, rel=0.05)
    assert fit_totals(Totals(name="k6", requests=6, duration_s=60.0, mean_s=0.3)).cv is None
