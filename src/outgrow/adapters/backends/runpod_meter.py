"""What a RunPod job took, from the provider's times and the worker's own report.

A worker of ours adds ``_meter`` to what it returns: ``worker``, ``boot_ts``, ``model_ready_ts``, ``job_start_ts``,
``job_end_ts``, ``first_job`` and, best of all, ``previous_end_ts``: the end of the last job it reported (none: null).

RunPod bills a worker from its start until it has stopped, an idle timeout after its last job, in whole seconds. A
reported job is billed the whole seconds of that life up to its own end and idle tail, less those up to the end and tail
of the job before: the jobs of a worker add up to its life, to the second and in whatever order their answers come.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, TypedDict

KEPT: Final = 10_000


class Took(TypedDict, total=False):
    """The fields of a `Ran` that say what a try took."""

    queue_s: float
    cold_s: float | None
    cold_most_s: float | None
    execution_s: float
    billed_s: float
    reported: bool
    worker: str | None


@dataclass(slots=True, kw_only=True)
class Owed:
    """What is remembered of workers, by name. Bounded.

    ``seconds``: charged for tries that did not report, until a report covers them. ``ends``: the end of the last job
    that was reported.
    """

    seconds: OrderedDict[str, float] = field(default_factory=OrderedDict)
    ends: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def add(self, worker: str, charged_s: float) -> None:
        """Charged without a report."""
        _keep(self.seconds, worker, self.seconds.get(worker, 0.0) + charged_s)

    def less(self, worker: str, charge_s: float) -> float:
        """``charge_s`` less what was charged before."""
        owed_s = self.seconds.pop(worker, 0.0)
        if owed_s > charge_s:
            self.seconds[worker] = owed_s - charge_s
        return max(0.0, charge_s - owed_s)

    def before(self, report: dict[str, Any], idle_timeout_s: float) -> float | None:
        """When the job before this one ended, None for the first of a worker.

        By the report; of a worker that does not say, by what was seen here, else as long ago as its idle timeout lets.
        """
        worker, start, end = report["worker"], report["job_start_ts"], report["job_end_ts"]
        seen = self.ends.get(worker)
        _keep(self.ends, worker, end if seen is None else max(seen, end))
        if "previous_end_ts" in report or report.get("first_job"):
            before: float | None = report.get("previous_end_ts")
            return before
        return seen if seen is not None and seen <= start else max(report["boot_ts"], start - idle_timeout_s)


def _keep(kept: OrderedDict[str, float], worker: str, value: float) -> None:
    kept[worker] = value
    kept.move_to_end(worker)
    if len(kept) > KEPT:
        kept.popitem(last=False)


def report_of(view: dict[str, Any]) -> dict[str, Any] | None:
    """The worker's report in an answer, whether it succeeded or failed."""
    output = view.get("output")
    said = output.get("_meter") if isinstance(output, dict) else failure_of(view).get("_meter")
    numbers = ("boot_ts", "model_ready_ts", "job_start_ts", "job_end_ts")
    if not isinstance(said, dict) or not all(_finite(said.get(name)) for name in numbers):
        return None
    ordered = said["boot_ts"] <= said["model_ready_ts"] and said["job_start_ts"] <= said["job_end_ts"]
    before = said.get("previous_end_ts")
    known = before is None or (_finite(before) and said["boot_ts"] <= before <= said["job_end_ts"])
    return said if ordered and known and isinstance(said.get("worker"), str) else None


def failure_of(view: dict[str, Any]) -> dict[str, Any]:
    """The error of an answer as an object: workers of the SDK write JSON."""
    error = view.get("error")
    try:
        said = json.loads(error) if isinstance(error, str) else error
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def took(view: dict[str, Any], *, idle_timeout_s: float, none_up: bool, owed: Owed) -> Took:
    """What a try took. ``none_up``: no worker was up when it was submitted, so what it waited may all be a start."""
    delay_s = _seconds(view.get("delayTime"))
    execution_s = _seconds(view.get("executionTime"))
    report = report_of(view)
    if report is None:
        return _unreported(view, delay_s, execution_s, idle_timeout_s, none_up=none_up, owed=owed)
    start_s = report["model_ready_ts"] - report["boot_ts"]
    cold_s = min(delay_s, start_s) if report.get("first_job") else 0.0
    until, before = report["job_end_ts"], owed.before(report, idle_timeout_s)
    charge_s = _life_s(report, until, idle_timeout_s)
    if before is not None:
        charge_s -= _life_s(report, before, idle_timeout_s)
    return Took(
        queue_s=delay_s - cold_s,
        cold_s=cold_s,
        execution_s=execution_s or report["job_end_ts"] - report["job_start_ts"],
        billed_s=owed.less(report["worker"], charge_s),
        reported=True,
        worker=report["worker"],
    )


def _unreported(
    view: dict[str, Any], delay_s: float, execution_s: float, idle_timeout_s: float, *, none_up: bool, owed: Owed
) -> Took:
    worker = view.get("workerId") or failure_of(view).get("worker_id")
    ran = execution_s > 0 or worker is not None
    cold_most_s = delay_s if none_up and ran else None
    most_s = float(math.ceil((cold_most_s or 0.0) + execution_s + idle_timeout_s)) if ran else 0.0
    if isinstance(worker, str):
        owed.add(worker, most_s)
    return Took(
        queue_s=delay_s,
        cold_most_s=cold_most_s,
        execution_s=execution_s,
        billed_s=most_s,
        worker=worker if isinstance(worker, str) else None,
    )


def _life_s(report: dict[str, Any], until_ts: float, idle_timeout_s: float) -> float:
    return float(math.ceil(round(until_ts + idle_timeout_s - report["boot_ts"], 3)))


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _seconds(value: Any) -> float:
    return max(0.0, float(value)) / 1000 if _finite(value) else 0.0
