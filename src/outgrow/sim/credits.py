"""CPU credits of burstable hosts, day by day: what weeks of web requests owe, which no short run settles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.sim.days import spread_days
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import HostPool


def host_surplus_s(pool: HostPool, arrivals: Arrivals) -> float:
    """vCPU-seconds a day that the hosts are billed above their baseline, over days that differ as the pattern says.

    `surplus_s` of ``per_day x E[work] x factor`` over `CREDIT_DAYS` days; a day earns ``vcpu x copies x baseline x
    86,400``. Limits: the hosts share their credits here, which AWS does not let them. Source: ours.
    """
    if pool.baseline_frac is None:
        return 0.0
    earned_s = pool.vcpu * pool.copies * pool.baseline_frac * DAY_S
    variance = arrivals.pattern.day_variance
    factors = spread_days(variance, CREDIT_DAYS, 0) if variance > 0 else (1.0,)
    busy_s = arrivals.per_day * pool.work.mean_s
    return surplus_s([busy_s * factor for factor in factors], earned_s)


CREDIT_DAYS = 64
"""Days that credits are followed over."""

SETTLED_DAYS = 400
"""After so many days a debt that grows by a quarter of a per cent of the earnings a day is billed in full."""


def surplus_s(busy_s: Sequence[float], earned_s: float) -> float:
    """vCPU-seconds a day billed above the baseline of a burstable host, for days that need ``busy_s`` and then repeat.

    A day earns ``earned_s``. What it does not need is kept, up to a day's earnings; what it needs beyond is taken from
    there, then owed, and billed once more than a day's earnings are owed. Within a day everything evens out, which
    holds where its busy hours fit into the balance. Source: AWS, "Unlimited mode concepts", as `outgrow.sim.host` plays
    it.
    """
    balance = owed = billed = 0.0
    turns = math.ceil(SETTLED_DAYS / len(busy_s))
    for turn in range(turns + 1):
        for needed in busy_s:
            credit = earned_s - needed
            paid = min(max(credit, 0.0), owed)
            taken = min(max(-credit, 0.0), balance)
            owed += max(-credit, 0.0) - taken - paid
            balance = min(earned_s, balance + max(credit, 0.0) - paid - taken)
            if owed > earned_s:
                billed += (owed - earned_s) if turn == turns else 0.0
                owed = earned_s
    return billed / len(busy_s)
