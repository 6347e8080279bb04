"""Random numbers with a meaning of their own: same seed, same numbers, in Python and in the compiled kernel.

**Words.** A stream is `LANES` xoshiro256++ generators side by side and one more, the side generator. All are seeded in
order by one splitmix64 sequence that starts at ``seed + (purpose + 1) x 0xD1342543DE82EF95`` (mod 2^64), four outputs
each. Word n of the stream is output ``n // LANES`` of lane ``n % LANES``. Lanes exist for speed: Python advances all
of them in a dozen operations on long integers, C in vector registers. Two streams share a generator only if they start
within 260 steps of each other in splitmix64's sequence: for a million unrelated seeds the chance is about 3e-5.

**Fraction and layer.** The high 52 bits of a word make the fraction ``u`` in [0, 1), the low 8 the ziggurat's layer.

**Laws.** Uniform: ``u + 2^-53``, in (0, 1). Exponential and normal: ziggurat (`outgrow.sim.ziggurat`) on one word; in
the 1 or 2 % of draws where the first word does not decide, all further words come from the side generator. Lognormal:
``exp(m + s Z)``. Empirical: ``values[int(u n)]``. Geometric: ``1 + floor(log U / log(1 - 1/mean))``. Gamma: Marsaglia
and Tsang 2000 from the side generator alone, for shapes below 1 with their ``U^(1/shape)``. Only + - x /, sqrt, log and
exp of the C library are used, so both kernels agree to the last bit on one machine; other C libraries may differ in the
last bit of log and exp.

**Purposes.** Arrivals, service, cold starts and so on have a stream each, so that an option that draws fewer cold
starts still sees the same arrivals: common random numbers.

Sources: Blackman and Vigna 2021 (xoshiro256++), Steele, Lea and Flood 2014 (splitmix64).
"""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from itertools import chain, repeat
from typing import TYPE_CHECKING

from outgrow.sim.laws import (
    AnyLaw,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    Geometric,
    Lognormal,
    Uniform,
    lognormal_parameters,
)
from outgrow.sim.ziggurat import EXPONENTIAL_TAIL, NORMAL_TAIL, exponential_tables, normal_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

LANES = 64
_WORD = (1 << 64) - 1
_PURPOSE_STEP = 0xD1342543DE82EF95
_SPLITMIX_STEP = 0x9E3779B97F4A7C15
_STRIDE_BITS = 128
"""A lane takes twice its width, so that a shift or a carry falls into the gap and is masked away."""
_ROUNDS = 4
"""Words of each lane a block: 256 draws at once keep a block's cost out of short runs."""
_EACH_LANE = sum(1 << (_STRIDE_BITS * lane) for lane in range(LANES))
_LOW64 = _EACH_LANE * _WORD
_LOW52 = _EACH_LANE * ((1 << 52) - 1)
_LOW8 = _EACH_LANE * 0xFF
_ONE = _EACH_LANE * (0x3FF << 52)
_FLOATS = struct.Struct("<" + "d8x" * LANES)
_HALF_STEP = 2.0**-53


class Purpose(IntEnum):
    """What a stream is for."""

    ARRIVALS = 0
    SERVICE = 1
    COLD_START = 2
    FLASH = 3
    IDLE = 4
    PATIENCE = 5
    FAILURE = 6
    WARM_START = 7
    DAY = 8
    SESSION_SIZE = 9
    SESSION_GAP = 10
    RETRY = 11
    INTERRUPTION = 12


class Words:
    """The words of one stream: blocks from the lanes, single ones from the side generator."""

    __slots__ = ("_lanes", "_side")

    def __init__(self, seed: int, purpose: int) -> None:
        """``seed`` any whole number, taken mod 2^64; ``purpose`` from 0 up."""
        state = (seed + (purpose + 1) * _PURPOSE_STEP) & _WORD
        seeded: list[int] = []
        for _ in range(4 * (LANES + 1)):
            state = (state + _SPLITMIX_STEP) & _WORD
            mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
            mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _WORD
            seeded.append(mixed ^ (mixed >> 31))
        self._lanes = [sum(seeded[4 * k + j] << (_STRIDE_BITS * k) for k in range(LANES)) for j in range(4)]
        self._side = seeded[4 * LANES :]

    def block(self) -> tuple[list[float], bytes]:
        """The next `LANES` x `_ROUNDS` words as (1 + u of each, layer of each)."""
        s0, s1, s2, s3 = self._lanes
        ones: list[float] = []
        layers = b""
        for _ in range(_ROUNDS):
            word = (s0 + s3) & _LOW64
            word = ((((word << 23) | (word >> 41)) & _LOW64) + s0) & _LOW64
            shifted = (s1 << 17) & _LOW64
            s2 ^= s0
            s3 ^= s1
            s1 ^= s2
            s0 ^= s3
            s2 ^= shifted
            s3 = ((s3 << 45) | (s3 >> 19)) & _LOW64
            packed = ((word >> 12) & _LOW52) | _ONE | ((word & _LOW8) << 64)
            data = packed.to_bytes(_STRIDE_BITS // 8 * LANES, "little")
            ones += _FLOATS.unpack(data)
            layers += data[8::16]
        self._lanes = [s0, s1, s2, s3]
        return ones, layers

    def side(self) -> tuple[float, int]:
        """(u, layer) of the side generator's next word."""
        s0, s1, s2, s3 = self._side
        word = (s0 + s3) & _WORD
        word = ((((word << 23) | (word >> 41)) & _WORD) + s0) & _WORD
        shifted = (s1 << 17) & _WORD
        s2 ^= s0
        s3 ^= s1
        s1 ^= s2
        s0 ^= s3
        s2 ^= shifted
        s3 = ((s3 << 45) | (s3 >> 19)) & _WORD
        self._side = [s0, s1, s2, s3]
        return (word >> 12) * 2.0**-52, word & 0xFF

    def side_uniform(self) -> float:
        """Uniform in (0, 1) from the side generator."""
        return self.side()[0] + _HALF_STEP

    def exponential_rest(self, u: float, layer: int) -> float:
        """The standard exponential whose first word, (u, layer), may not have decided."""
        edges, heights = exponential_tables()
        while True:
            x = u * edges[layer]
            if x < edges[layer + 1]:
                return x
            if layer == 0:
                return EXPONENTIAL_TAIL - math.log(self.side_uniform())
            height = heights[layer] + self.side_uniform() * (heights[layer + 1] - heights[layer])
            if height < math.exp(-x):
                return x
            u, layer = self.side()

    def normal_rest(self, u: float, layer: int) -> float:
        """The standard normal whose first word, (u, layer), may not have decided."""
        edges, heights = normal_tables()
        while True:
            x = (2.0 * u - 1.0) * edges[layer]
            if abs(x) < edges[layer + 1]:
                return x
            if layer == 0:
                return self._normal_tail(negative=x < 0)
            height = heights[layer] + self.side_uniform() * (heights[layer + 1] - heights[layer])
            if height < math.exp(-0.5 * x * x):
                return x
            u, layer = self.side()

    def _normal_tail(self, *, negative: bool) -> float:
        while True:
            x = -math.log(self.side_uniform()) / NORMAL_TAIL
            y = -math.log(self.side_uniform())
            if y + y > x * x:
                return -NORMAL_TAIL - x if negative else NORMAL_TAIL + x

    def side_gamma(self, shape: float) -> float:
        """Gamma with this shape and scale 1."""
        boost = 1.0
        if shape < 1.0:
            boost = math.exp(math.log(self.side_uniform()) / shape)
            shape += 1.0
        d = shape - 1.0 / 3.0
        c = 1.0 / math.sqrt(9.0 * d)
        while True:
            x = self.normal_rest(*self.side())
            v = 1.0 + c * x
            if v <= 0.0:
                continue
            v = v * v * v
            if math.log(self.side_uniform()) < 0.5 * x * x + d - d * v + d * math.log(v):
                return d * v * boost


def draws(law: AnyLaw, seed: int, purpose: int) -> Iterator[float]:
    """An endless run of independent draws; a block at a time underneath, so taking one costs little."""
    if isinstance(law, Fixed):
        return repeat(law.value_s)
    return chain.from_iterable(_blocks(law, Words(seed, purpose)))


def _blocks(law: AnyLaw, words: Words) -> Iterator[list[float]]:
    while True:
        yield _block(law, words)


def _block(law: AnyLaw, words: Words) -> list[float]:
    match law:
        case Exponential():
            return _exponentials(words, law.mean_s)
        case Lognormal():
            m, s = lognormal_parameters(law)
            return [math.exp(m + s * z) for z in _normals(words)]
        case Empirical():
            values, count = law.values_s, len(law.values_s)
            return [values[int((one - 1.0) * count)] for one in words.block()[0]]
        case Uniform():
            return [one - 1.0 + _HALF_STEP for one in words.block()[0]]
        case Geometric():
            if law.mean <= 1.0:
                return [1.0] * LANES
            stay = math.log1p(-1.0 / law.mean)
            return [1.0 + math.floor(math.log(one - 1.0 + _HALF_STEP) / stay) for one in words.block()[0]]
        case Gamma():
            return [words.side_gamma(law.shape) / law.shape for _ in range(LANES)]
        case Fixed():
            return [law.value_s] * LANES


def _exponentials(words: Words, mean: float) -> list[float]:
    edges, rest = exponential_tables()[0], words.exponential_rest
    ones, layers = words.block()
    return [
        mean * (x if (x := (one - 1.0) * edges[layer]) < edges[layer + 1] else rest(one - 1.0, layer))
        for one, layer in zip(ones, layers, strict=True)
    ]


def _normals(words: Words) -> list[float]:
    edges, rest = normal_tables()[0], words.normal_rest
    ones, layers = words.block()
    return [
        x if abs(x := (2.0 * (one - 1.0) - 1.0) * edges[layer]) < edges[layer + 1] else rest(one - 1.0, layer)
        for one, layer in zip(ones, layers, strict=True)
    ]
