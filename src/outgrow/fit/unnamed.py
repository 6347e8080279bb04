"""Which session law fits a trace: by names in the log, by gaps, by how counts swing, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.fit.gaps import FINEST_S, FINEST_STEPS, LONGEST_S, lag_edges
from outgrow.fit.ground import DAYS_FOR_SHAPE
from outgrow.fit.sessions import fit_by_gaps
from outgrow.fit.swings import BETTER, BETTER_WHEN_SHORT, fit_by_counts, observe, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.fit.days import Days
    from outgrow.fit.sessions import SessionFit

FEWEST_REQUESTS = 50
"""With fewer nothing is said about sessions."""

SHORTEST_SPAN = 12.0
"""Gaps are told apart up to the watched time over this."""


def fit_unnamed(times_s: Sequence[float], days: Days, resolution_s: float) -> SessionFit | None:
    """Sessions told from the times alone; None: none are found, or nothing can be told.

    `fit_by_gaps`, unless its fit (or independent requests, where it finds none) misses silent shares and dispersion of
    counts by more than `BETTER` beyond what `fit_by_counts` does. Times and resolution in seconds; nothing is told of
    fewer than `FEWEST_REQUESTS`, or of stamps too coarse for gaps. One law for all of them: kinds of users are not told
    apart.
    """
    longest_s = min(LONGEST_S, days.watched_s / SHORTEST_SPAN)
    if len(times_s) < FEWEST_REQUESTS or longest_s < FINEST_STEPS * max(resolution_s, FINEST_S):
        return None
    edges = lag_edges(resolution_s, longest_s)
    by_gaps = fit_by_gaps(times_s, days, edges)
    observed = observe(times_s, days, edges, resolution_s)
    if observed is None:
        return by_gaps
    curves = observed.curves()
    missed = curves.misfit(place_of(by_gaps))
    better = BETTER if len(days.quarters) >= DAYS_FOR_SHAPE else BETTER_WHEN_SHORT
    if missed <= better:
        return by_gaps
    by_counts = fit_by_counts(observed)
    if by_counts is None or missed - curves.misfit(place_of(by_counts)) <= better:
        return by_gaps
    return by_counts
