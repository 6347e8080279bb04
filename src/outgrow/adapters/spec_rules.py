"""Rules that span several keys of a part: each says where and what is wrong, or nothing.

A rule sees a part whose keys are all valid one by one, so it never guards against types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.adapters.spec_fields import Problem

    Given = dict[str, Any]
    Rule = Callable[[Given], Problem | None]


def one_of(*keys: str) -> Rule:
    """Exactly one of ``keys`` is given."""

    def rule(given: Given) -> Problem | None:
        found = [key for key in keys if key in given]
        if len(found) == 1:
            return None
        listed = f"{', '.join(keys[:-1])} or {keys[-1]}"
        return (), f"found {' and '.join(found) or 'none of them'}; give exactly one of {listed}"

    return rule


def dollar_is_dollar(given: Given) -> Problem | None:
    """US dollars need no rate."""
    if given["code"] == "USD" and given["per_usd"] != 1:
        return ("per_usd",), f"found {given['per_usd']}; one US dollar is 1 USD"
    return None


def window_in_order(given: Given) -> Problem | None:
    """A window ends after it starts."""
    if given["from"] < given["to"]:
        return None
    return (), f"from {given['from']} to {given['to']}; 'to' comes later, write two windows to cross midnight"


def windows_apart(given: Given) -> Problem | None:
    """No hour is in two windows."""
    hours: set[int] = set()
    for index, window in enumerate(given.get("windows", ())):
        covered = set(range(window["from"], window["to"]))
        if covered & hours:
            return ("windows", index), "overlaps a window above; join them"
        hours |= covered
    return None


def pattern_is_one(given: Given) -> Problem | None:
    """Each kind of arrivals has keys of its own."""
    kind = given.get("kind", "trace" if "file" in given else "sessions")
    sessions = [key for key in ("session_size", "session_gap_s", "session_gap_cv", "day_variance") if key in given]
    if kind == "trace" and "file" not in given:
        return (), "a trace needs file: the name of the trace beside the spec"
    of_trace = [key for key in ("file", "timezone", "columns") if key in given]
    if kind != "trace" and of_trace:
        return (of_trace[0],), f"goes with kind: trace; found kind: {kind}"
    if kind != "sessions" and sessions:
        return (sessions[0],), f"goes with kind: sessions; found kind: {kind}"
    return None


def zone_is_known(given: Given) -> Problem | None:
    """Stamps are read in a zone there is."""
    if "timezone" not in given:
        return None
    from outgrow.adapters.traces.finish import offset_at
    from outgrow.domain.errors import TraceError

    try:
        offset_at(given["timezone"], 0.0)
    except TraceError as problem:
        return ("timezone",), problem.message.removeprefix("--timezone: ")
    return None


def measured_or_stated(file: str, *numbers: str) -> Rule:
    """Times come from a file of measured ones or are stated, not both."""

    def rule(given: Given) -> Problem | None:
        found = [key for key in numbers if key in given]
        return ((found[0],), f"{file} has its own; give one or the other") if file in given and found else None

    return rule


def trace_has_its_day(given: Given) -> Problem | None:
    """A trace says itself how a day spreads."""
    file = given.get("arrivals", {}).get("file")
    return (("day_shape",), f"{file} has its own; leave it out") if file and "day_shape" in given else None


def scaler_value(given: Given) -> Problem | None:
    """A scaler has the number that goes with its kind."""
    wrong = {"queue-delay": "per_worker", "request-count": "delay_s"}[given["kind"]]
    return ((wrong,), f"does not go with kind: {given['kind']}") if wrong in given else None


def api_is_named(given: Given) -> Problem | None:
    """An API is named by its sku or by provider and model, with the counts that go with it."""
    by_token = [key for key in ("provider", "model", "input_tokens", "output_tokens") if key in given]
    if "sku" in given:
        return ((by_token[0],), f"{by_token[0]} does not go with sku; give one or the other") if by_token else None
    if "provider" not in given or "model" not in given:
        return (), "give sku (priced by the page) or provider and model (priced by the token)"
    if "units_per_request" in given:
        return ("units_per_request",), "goes with sku; a model is priced by input_tokens and output_tokens"
    if "input_tokens" not in given and "output_tokens" not in given:
        return (), "provider and model need input_tokens or output_tokens"
    return None


def helpers_are_engineers(given: Given) -> Problem | None:
    """Those who can run infrastructure are some of the engineers."""
    engineers, able = given["engineers"], given["can_run_infrastructure"]
    return (
        (("can_run_infrastructure",), f"found {able}, allowed: at most the {engineers} engineers")
        if able > engineers
        else None
    )


def something_weighs(given: Given) -> Problem | None:
    """At least one criterion counts (a weight left out keeps its default, which is above 0)."""
    weights = {"monthly_usd", "response_p95_s", "management_points"}
    return (
        None
        if weights - given.keys() or any(given.values())
        else ((), "all weights are 0; at least one criterion must count")
    )


def limits_a_metric(given: Given) -> Problem | None:
    """``at_most`` and ``at_least`` come with ``metric`` and the other way round."""
    limits = [key for key in ("at_most", "at_least") if key in given]
    if "metric" in given:
        return None if limits else (("metric",), "a metric needs at_most or at_least")
    return ((limits[0],), f"{limits[0]} goes with metric") if limits else None


def somebody_asks(given: Given) -> Problem | None:
    """Without users nothing arrives, unless the question is what one user would cost."""
    users = given["users"]["daily_active"]
    if users.low > 0:
        return None
    absolute = [i for i, task in enumerate(given.get("inference", ())) if "requests_per_day" in task]
    if absolute:
        return ("inference", absolute[0], "requests_per_day"), (
            "requests_per_day grows with the users, but daily_active may be 0; give requests_per_user_day"
        )
    if not given.get("inference"):
        return ("users", "daily_active"), f"found {users.low:g}, allowed: above 0"
    return None
