"""What the end of a RunPod job means for a try."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.backends.runpod_meter import failure_of, took
from outgrow.domain.job import AttemptEnding
from outgrow.domain.ran import Ran

if TYPE_CHECKING:
    from outgrow.adapters.backends.runpod_meter import Owed

KIND: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
WORKER_GONE: Final = re.compile(r"worker (exited|died|was lost)|exit code|timed out after \d+ retr", re.IGNORECASE)
NO_WORKER: Final = (
    "no worker took it up in time; where max workers is 0, as RunPod sets it after 7 days without a request, raise it"
)


def ended(view: dict[str, Any], *, idle_timeout_s: float, none_up: bool, owed: Owed) -> Ran:
    """A job that has ended, as a try.

    A failure the handler reports is not tried again; a worker that died, a cancel that was not ours and an end in the
    queue are. A job that ran into its time limit would do so again.
    """
    took_ = took(view, idle_timeout_s=idle_timeout_s, none_up=none_up, owed=owed)
    external_id = str(view.get("id", ""))
    match view.get("status"):
        case "COMPLETED":
            return Ran(ending=AttemptEnding.COMPLETED, result=_result(view), external_id=external_id, **took_)
        case "FAILED":
            failure = failure_of(view)
            detail = str(failure.get("error_message") or view.get("error") or "")
            lost = not failure and WORKER_GONE.search(detail) is not None
            kind = KIND.search(str(failure.get("error_type", "")).removeprefix("<class '"))
            return Ran(
                ending=AttemptEnding.LOST if lost else AttemptEnding.FAILED,
                error="the worker was lost" if lost else f"the handler failed{f' ({kind[0]})' if kind else ''}",
                detail=detail or None,
                retryable=lost,
                external_id=external_id,
                **took_,
            )
        case "TIMED_OUT":
            ran = took_["execution_s"] > 0
            error = "ran into its time limit" if ran else NO_WORKER
            return Ran(ending=AttemptEnding.TIMED_OUT, error=error, retryable=not ran, external_id=external_id, **took_)
        case _:
            error = "cancelled"
            return Ran(ending=AttemptEnding.ABANDONED, error=error, retryable=True, external_id=external_id, **took_)


def gave_up(
    external_id: str, ending: AttemptEnding, error: str, *, retryable: bool = False, unknown: bool = False
) -> Ran:
    """A try that is no longer followed; what it took is not known."""
    return Ran(ending=ending, error=error, retryable=retryable, unknown=unknown, external_id=external_id)


def gone(external_id: str, *, started: bool) -> Ran:
    """A job that RunPod no longer knows: its time to live is over, or it was lost."""
    if started:
        return gave_up(external_id, AttemptEnding.LOST, "RunPod no longer knows the job", retryable=True)
    error = f"RunPod no longer knows the job: {NO_WORKER}"
    return gave_up(external_id, AttemptEnding.LOST, error, retryable=True)


def _result(view: dict[str, Any]) -> Any:
    output = view.get("output")
    return {key: value for key, value in output.items() if key != "_meter"} if isinstance(output, dict) else output
