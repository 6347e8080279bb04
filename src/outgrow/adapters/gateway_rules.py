"""What the keys of ``gateway.yaml`` must be together. Those of one backend or price first, then those of all."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from outgrow.domain.backend import BackendKind, Gateway, Task
from outgrow.domain.suggest import did_you_mean
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.policy.price import hold, is_free, most_billed_s
from outgrow.policy.reach import may_reach

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outgrow.adapters.spec_fields import Problem
    from outgrow.domain.backend import Backend, Budget

    Given = dict[str, Any]

KEYS_OF_KIND: Final[dict[BackendKind, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    BackendKind.LOCAL: (("call",), ()),
    BackendKind.RUNPOD: (("endpoint", "key", "cold_start_s"), ("model", "url")),
    BackendKind.OPENAI: (("url",), ("model", "key")),
}
"""What each kind needs, and what else it may have of those not every kind has."""

TRUST_OF_KIND: Final = {
    BackendKind.LOCAL: Trust.OWN_CLOUD_ACCOUNT,
    BackendKind.RUNPOD: Trust.RENTED_INFRASTRUCTURE,
    BackendKind.OPENAI: Trust.EXTERNAL_SERVICE,
}
"""Who could read a payload there, where the file does not say."""

_WHY: Final = {
    "call": "the Python callable, as module:name",
    "endpoint": "the id of the endpoint",
    "key": "the name of the environment variable that holds the API key",
    "cold_start_s": "the longest start in seconds, which is held of the budget",
    "url": "the address of the server, such as https://host/v1",
}
_SOME: Final = ("call", "endpoint", "url", "model", "key")
_LOOPBACK: Final = re.compile(r"http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?(/.*)?")
_STATED: Final = (
    "per_second_usd",
    "per_call_usd",
    "per_million_input_tokens_usd",
    "per_million_output_tokens_usd",
)


def keys_of_kind(given: Given) -> Problem | None:
    """Each kind of backend has keys of its own."""
    kind: BackendKind = given["kind"]
    needed, more = KEYS_OF_KIND[kind]
    missing = [key for key in needed if key not in given]
    if missing:
        return (), f"kind: {kind} needs {missing[0]}: {_WHY[missing[0]]}"
    foreign = [key for key in _SOME if key in given and key not in (*needed, *more)]
    if not foreign:
        return None
    owners = [str(one) for one, (must, may) in KEYS_OF_KIND.items() if foreign[0] in (*must, *may)]
    return (foreign[0],), f"goes with kind: {' or '.join(owners)}; found kind: {kind}"


def trust_of_kind(given: Given) -> Problem | None:
    """A RunPod worker is somebody else's machine, whoever rents it."""
    trust: Trust = given.get("trust", TRUST_OF_KIND[given["kind"]])
    if given["kind"] is BackendKind.RUNPOD and trust.distance < Trust.RENTED_INFRASTRUCTURE.distance:
        return ("trust",), f"found {trust}; RunPod's machines are rented-infrastructure at the nearest"
    return None


def not_in_the_clear(given: Given) -> Problem | None:
    """Payloads and keys travel encrypted, but to machines of one's own."""
    url = given.get("url", "")
    trust: Trust = given.get("trust", TRUST_OF_KIND[given["kind"]])
    if not url.startswith("http://") or _LOOPBACK.fullmatch(url):
        return None
    if trust.distance <= Trust.OWN_CLOUD_ACCOUNT.distance:
        return None
    return ("url",), f"http:// sends payloads and the key in the clear to {trust}; write https://"


def price_is_said(given: Given) -> Problem | None:
    """What is not in an account of one's own is paid by use; that it costs nothing is said, too."""
    trust: Trust = given.get("trust", TRUST_OF_KIND[given["kind"]])
    if "price" in given or trust.distance <= Trust.OWN_CLOUD_ACCOUNT.distance:
        return None
    return (), f"{trust} is paid for, so it needs price; where it costs nothing, write price: {{per_call_usd: 0}}"


def price_is_one(given: Given) -> Problem | None:
    """A price is found in one way."""
    stated = [key for key in _STATED if key in given]
    ways = [
        *(["sku"] if "sku" in given else []),
        *(["provider and model"] if "provider" in given or "model" in given else []),
        *(["rates of your own"] if stated else []),
    ]
    if len(ways) != 1:
        return (), f"found {' and '.join(ways) or 'none of them'}; give sku, or provider and model, or per_..._usd"
    if ways[0] == "provider and model" and not ("provider" in given and "model" in given):
        missing = "model" if "provider" in given else "provider"
        return (), f"a price by the token needs provider and model; {missing} is missing"
    if "region" in given and "sku" not in given:
        return ("region",), "goes with sku"
    return None


def problems_of_names(given: Given) -> Iterator[Problem]:
    """Names that lead nowhere."""
    backends = [one["name"] for one in given["backends"]]
    tasks = [one["name"] for one in given["tasks"]]
    for index, task in enumerate(given["tasks"]):
        for place, name in enumerate(task["backends"]):
            where = ("tasks", index, "backends", place)
            if name not in backends:
                yield where, _unknown("backend", name, backends)
            elif name in task["backends"][:place]:
                yield where, f"'{name}' is already named; a backend is tried once an attempt"
    for index, budget in enumerate(given.get("budgets", ())):
        if budget.get("task", tasks[0]) not in tasks:
            yield ("budgets", index, "task"), _unknown("task", budget["task"], tasks)


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = did_you_mean(name, known)
    return f"unknown {what} {name[:60]!r}{near or '; known: ' + ', '.join(known)}"


def problems_of_reach(gateway: Gateway) -> Iterator[Problem]:
    """Classes out of order, and backends that no payload of their task could ever reach."""
    limits = dict(gateway.reach)
    classes = [data for data in DataClass if data in limits]
    for strict, loose in pairwise(classes):
        if limits[strict].distance > limits[loose].distance:
            yield ("reach", strict), f"{strict} may go to {limits[strict]}, further than {loose} ({limits[loose]})"
    trusts = {one.name: one for one in gateway.backends}
    for index, task in enumerate(gateway.tasks):
        for place, name in enumerate(task.backends):
            if not may_reach(gateway, task.data, trusts[name]):
                yield ("tasks", index, "backends", place), _too_far(task, trusts[name], limits[task.data])


def _too_far(task: Task, backend: Backend, furthest: Trust) -> str:
    return (
        f"{backend.name} is {backend.trust}, but {task.data} payloads go no further than {furthest}; take it out, "
        f"or say reach: {{{task.data}: {backend.trust}}}, or another class as data, if that is what you want"
    )


def problems_of_money(gateway: Gateway) -> Iterator[Problem]:
    """Backends that cost money without a limit, and limits that no call could ever keep."""
    for index, task in enumerate(gateway.tasks):
        for place, name in enumerate(task.backends):
            backend = next(one for one in gateway.backends if one.name == name)
            if is_free(backend.rates):
                continue
            where = ("tasks", index, "backends", place)
            yield from _unheld(gateway, task, backend, where)
            yield from _uncounted(task, backend, ("tasks", index))


def _unheld(gateway: Gateway, task: Task, backend: Backend, where: tuple[str | int, ...]) -> Iterator[Problem]:
    own = [(index, one) for index, one in enumerate(gateway.budgets) if one.task in (None, task.name)]
    if all(budget.key is not None for _, budget in own):
        yield where, f"{backend.name} costs money and no budget limits it; add budgets: [{{usd: 20, period: month}}]"
    for index, budget in own:
        need = hold(backend, task)
        if need > budget.usd_micro:
            yield ("budgets", index, "usd"), _never(budget, task, backend, need)


def _never(budget: Budget, task: Task, backend: Backend, need: int) -> str:
    return (
        f"found {budget.usd_micro / 1e6:g}, but one call of {task.name} on {backend.name} may cost {need / 1e6:g} "
        f"(up to {most_billed_s(backend):,} s billed), so none could ever be made; raise it or lower timeout_s"
    )


def _uncounted(task: Task, backend: Backend, where: tuple[str | int, ...]) -> Iterator[Problem]:
    sides = (("input", backend.rates.per_input_token), ("output", backend.rates.per_output_token))
    for side, rate in sides:
        if rate and not (task.input_tokens if side == "input" else task.output_tokens):
            yield where, f"{backend.name} is paid by the token; say {side}_tokens, the most one call may use"
