"""Layers of the ziggurat: the standard exponential and normal law cut into 256 strips of equal area.

Layer i holds x from 0 to ``edges[i]``; below ``edges[i + 1]`` a point is under the curve for certain. Layer 0 is the
base with the tail, ``edges[1]`` is where the tail begins. The compiled kernel builds the same tables by the same
operations, so both hold the same bits. Source: Marsaglia and Tsang 2000; in this form Doornik 2005 (ZIGNOR).
"""

from __future__ import annotations

import math
from functools import lru_cache

LAYERS = 256
EXPONENTIAL_TAIL = 7.69711747013104972
EXPONENTIAL_AREA = 3.949659822581572e-3
NORMAL_TAIL = 3.6541528853610088
NORMAL_AREA = 0.0049286732339746571

Tables = tuple[tuple[float, ...], tuple[float, ...]]
"""(edges, heights): the 257 edges and the height of the curve at each."""


@lru_cache(maxsize=1)
def exponential_tables() -> Tables:
    """Tables of ``f(x) = exp(-x)``."""
    edges = [EXPONENTIAL_AREA / math.exp(-EXPONENTIAL_TAIL), EXPONENTIAL_TAIL]
    for _ in range(2, LAYERS):
        edges.append(-math.log(EXPONENTIAL_AREA / edges[-1] + math.exp(-edges[-1])))
    edges.append(0.0)
    return tuple(edges), tuple(math.exp(-edge) for edge in edges)


@lru_cache(maxsize=1)
def normal_tables() -> Tables:
    """Tables of ``f(x) = exp(-x^2 / 2)``, x >= 0."""
    edges = [NORMAL_AREA / math.exp(-0.5 * NORMAL_TAIL * NORMAL_TAIL), NORMAL_TAIL]
    for _ in range(2, LAYERS):
        edges.append(math.sqrt(-2.0 * math.log(NORMAL_AREA / edges[-1] + math.exp(-0.5 * edges[-1] * edges[-1]))))
    edges.append(0.0)
    return tuple(edges), tuple(math.exp(-0.5 * edge * edge) for edge in edges)
