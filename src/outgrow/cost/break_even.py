"""Break-even between paying by use and paying by the month, in closed form."""

from __future__ import annotations

import math


def requests_at_break_even(fixed_usd_per_month: float, usd_per_request: float) -> float:
    """Requests a month at which paying ``usd_per_request`` costs as much as a fixed month.

    ``N* = fixed / per request``. Both >= 0; infinite when a request costs nothing. Holds while the fixed side needs
    no further worker and each request costs the same, so not for clustered demand on a warm worker. Both in dollars.
    Source: the two bills set equal.
    """
    return fixed_usd_per_month / usd_per_request if usd_per_request > 0 else math.inf


def flex_usd_per_request(
    rate_usd_per_s: float,
    service_s: float,
    cold_start_s: float,
    idle_timeout_s: float,
    *,
    p_cold: float = 1.0,
    p_idle: float = 1.0,
) -> float:
    """Cost of one request on a serverless worker: ``rate x (service + p_cold x cold start + p_idle x idle tail)``.

    Seconds >= 0; the probabilities 0..1. With ``p_cold = p_idle = 1`` no request ever meets a warm worker; with both
    0 only execution is billed, which is what a hand-made estimate assumes. Source: RunPod docs, serverless pricing.
    """
    return rate_usd_per_s * (service_s + p_cold * cold_start_s + p_idle * idle_timeout_s)
