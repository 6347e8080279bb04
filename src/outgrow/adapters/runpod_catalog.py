"""Asks RunPod's catalog what a second of a serverless worker costs today.

``GET {base}/v2/catalog/gpus`` lists GPUs; ``price.serverless`` is in USD per GPU-hour and belongs to the GPU's pool.
Source: runpod/docs, ``api-reference-v2/openapi.json`` (2026-08-20).
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

from outgrow.domain.errors import NetworkError
from outgrow.domain.price import ANY_REGION, Rate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

NAME: Final = "RunPod catalog API v2"
FLEX: Final = "runpod/serverless-flex"
DEFAULT_URL: Final = "https://api.runpod.io"
KEY_VARIABLE: Final = "RUNPOD_API_KEY"
URL_VARIABLE: Final = "OUTGROW_RUNPOD_URL"
LARGEST_BYTES: Final = 4 * 2**20
DEAREST_USD_PER_HOUR: Final = 10_000
PLACES: Final = Decimal("1e-8")
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuClass:
    """One of our GPU classes: the pool RunPod sells it as, the memory (GB) and models of its GPUs."""

    name: str
    pool: str
    memory_gb: tuple[int, ...]
    models: str


CLASSES: Final = (
    GpuClass(name="16gb", pool="AMPERE_16", memory_gb=(16, 20), models="A4000|A4500|RTX 4000|RTX 2000"),
    GpuClass(name="24gb", pool="AMPERE_24", memory_gb=(20, 24), models="L4|A5000|3090"),
    GpuClass(name="24gb-pro", pool="ADA_24", memory_gb=(24,), models="4090"),
    GpuClass(name="48gb", pool="AMPERE_48", memory_gb=(48,), models="A6000|A40"),
    GpuClass(name="48gb-pro", pool="ADA_48_PRO", memory_gb=(48,), models="L40|L40S|6000 Ada"),
    GpuClass(name="80gb", pool="AMPERE_80", memory_gb=(80,), models="A100"),
    GpuClass(name="80gb-pro", pool="ADA_80_PRO", memory_gb=(80, 94), models="H100"),
    GpuClass(name="96gb", pool="BLACKWELL_96", memory_gb=(96,), models="RTX PRO 6000"),
    GpuClass(name="141gb", pool="HOPPER_141", memory_gb=(141, 143), models="H200"),
    GpuClass(name="180gb", pool="BLACKWELL_180", memory_gb=(180,), models="B200"),
)
"""Source: runpod/docs@a900806e, ``references/gpu-types.mdx`` and ``flash/configuration/gpu-types.mdx`` (2026-08-20);
the two disagree on the L4 and the A4500, so the pool decides and the model only where a GPU names no pool we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU of the answer; ``usd_per_hour`` is ``None`` when it is not sold serverless."""

    name: str
    pool: str | None
    memory_gb: int
    usd_per_hour: Decimal | None


@dataclass(frozen=True, kw_only=True)
class RunPodCatalog:
    """The serverless prices of RunPod."""

    key: str | None = field(repr=False)
    url: str = DEFAULT_URL
    timeout_s: float = 10.0
    name: str = NAME
    provider: str = "runpod"

    def fetch(self, held: Sequence[Rate], today: date) -> tuple[Sequence[Rate], Sequence[str]]:
        """Flex rates by GPU class, and what could not be told. Raises `NetworkError` when there is no whole answer."""
        body = _get(f"{_checked_url(self.url)}/v2/catalog/gpus", _checked_key(self.key), self.timeout_s)
        prices, notes = _by_class(_gpus(body))
        known = {rate.sku: rate for rate in held}
        rates = [_rate(known.get(f"{FLEX}/{name}"), name, usd, today) for name, usd in prices.items()]
        answered = {rate.sku for rate in rates}
        silent = [sku for sku in known if sku not in answered]
        return rates, [*notes, *(f"{sku}: {NAME} has no price for it" for sku in silent)]


def from_environment() -> RunPodCatalog:
    """The catalog at the address and with the key of the environment."""
    return RunPodCatalog(key=os.environ.get(KEY_VARIABLE), url=os.environ.get(URL_VARIABLE) or DEFAULT_URL)


def _fail(what: str, hint: str | None = None) -> NoReturn:
    raise NetworkError(f"{NAME}: {what}", hint=hint) from None


def _checked_key(key: str | None) -> str:
    clean = (key or "").strip()
    if not clean:
        _fail(f"{KEY_VARIABLE} is not set", "set it to a RunPod API key that may read")
    if not (clean.isascii() and clean.isprintable() and " " not in clean):
        _fail(f"{KEY_VARIABLE} has characters that no key has", "set it again, without line breaks or blanks")
    return clean


def _checked_url(url: str) -> str:
    """The base address without its last slash. A key goes over plain HTTP to this machine only."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.username is not None or parts.query or parts.fragment:
        _fail(f"{URL_VARIABLE} is not an address such as {DEFAULT_URL}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        _fail(f"{URL_VARIABLE} is plain http, which would show the key to the network", "use https")
    return url.rstrip("/")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another address."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def _get(url: str, key: str, timeout_s: float) -> bytes:
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - `_checked_url` lets only http and https by
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout_s) as answer:
            return _read(answer, time.monotonic() + timeout_s)
    except urllib.error.HTTPError as problem:
        problem.close()
        _refused(problem.code)
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "reason", problem)
        if isinstance(reason, TimeoutError):
            _fail(f"no answer within {timeout_s:g} s", "try again later")
        _fail(f"cannot be reached ({getattr(reason, 'strerror', None) or type(reason).__name__})", "check the network")


def _read(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, within the deadline as a whole: a server that drips would pass any timeout of a single read."""
    body = b""
    while part := answer.read1(65536):
        body += part
        if len(body) > LARGEST_BYTES:
            _fail(f"the answer is larger than {LARGEST_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    return body


def _refused(status: int) -> NoReturn:
    if status in (401, 403):
        _fail(f"the key was refused (HTTP {status})", f"set {KEY_VARIABLE} to a key that may read the catalog")
    _fail(f"answered HTTP {status}", "try again later")


def _gpus(body: bytes) -> list[Gpu]:
    """The GPUs of a body; a body that breaks the documented shape anywhere is refused whole."""
    try:
        data = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
        return [_gpu(entry) for entry in data["gpus"]]
    except (ValueError, KeyError, TypeError, RecursionError, ArithmeticError) as problem:
        what = f"{type(problem).__name__}: {problem}" if isinstance(problem, KeyError) else type(problem).__name__
        _fail(f"the answer is not a list of GPUs with prices ({what})", "nothing was changed; try again later")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def _gpu(entry: Any) -> Gpu:
    name, pool, memory, prices = entry["name"], entry["pool"], entry["memory"], entry["price"]
    as_documented = isinstance(name, str) and isinstance(pool, str | None) and isinstance(prices, dict)
    if not as_documented or type(memory) is not int:
        raise TypeError
    usd = prices.get("serverless")
    return Gpu(name=name, pool=pool, memory_gb=memory, usd_per_hour=None if usd in (None, 0) else _usd(usd))


def _usd(price: Any) -> Decimal:
    if isinstance(price, bool) or not isinstance(price, int | Decimal) or not 0 < price < DEAREST_USD_PER_HOUR:
        raise ValueError
    return Decimal(price)


def _by_class(gpus: list[Gpu]) -> tuple[dict[str, Decimal], list[str]]:
    """USD per GPU-hour of each class, and a sentence for each GPU or class left out."""
    found: dict[str, set[Decimal]] = {}
    notes: list[str] = []
    for gpu in gpus:
        name = _class_of(gpu)
        if gpu.usd_per_hour is None:
            continue
        if name is None:
            where = f"pool {gpu.pool}" if gpu.pool else "no pool"
            notes.append(f"{NAME}: {gpu.name} ({gpu.memory_gb} GB, {where}) is in none of our GPU classes; left out")
        else:
            found.setdefault(name, set()).add(gpu.usd_per_hour)
    for name, several in found.items():
        if len(several) > 1:
            listed = ", ".join(f"{usd:f}" for usd in sorted(several))
            notes.append(f"{FLEX}/{name}: its GPUs have different prices ({listed} USD/h); left out")
    return {name: usd for name, (usd, *more) in found.items() if not more}, notes


def _class_of(gpu: Gpu) -> str | None:
    """By pool; by model where the pool is unknown. The memory must agree either way."""
    pools = [entry for entry in CLASSES if entry.pool == gpu.pool]
    models = [entry for entry in CLASSES if re.search(rf"\b(?:{entry.models})\b", gpu.name)]
    fitting = [entry.name for entry in pools or models if gpu.memory_gb in entry.memory_gb]
    return fitting[0] if len(fitting) == 1 else None


def _rate(held: Rate | None, name: str, usd_per_hour: Decimal, today: date) -> Rate:
    amount = (usd_per_hour / 3600).quantize(PLACES).normalize()
    said = Rate(
        sku=f"{FLEX}/{name}",
        region=ANY_REGION,
        meter="worker-seconds",
        unit="second",
        currency="USD",
        amount=amount,
        tier_from=Decimal(0),
        allowance=Decimal(0),
        increment=Decimal(1),
        valid_from=today,
        valid_until=None,
        withdrawn_on=None,
        as_of=today,
        confidence="high",
        source=f"{NAME}, {today}; {usd_per_hour:f} USD per GPU-hour",
    )
    return said if held is None else replace(said, meter=held.meter, increment=held.increment)
