"""The same reader as a RunPod worker: ``python -m outgrow.receipts.runpod_handler`` (``deploy/receipts.Dockerfile``).

Each answer carries ``_meter``: what the worker knows of its own start and of this job, in seconds since 1970, so that
cold starts are measured where the provider's answer does not tell them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from outgrow.receipts.engines import load
from outgrow.receipts.run import read_receipt

BOOTED_TS = time.time()


@dataclass(slots=True, kw_only=True)
class Worker:
    """One worker from its start: ``handle`` is what the SDK calls for each job."""

    name: str
    boot_ts: float
    model_ready_ts: float
    jobs: int = 0
    last_end_ts: float | None = None

    def handle(self, job: dict[str, Any]) -> dict[str, Any]:
        """The receipt in the job's ``input`` (base64 in ``image``), read, and the meter of this job."""
        started, before = time.time(), self.last_end_ts
        self.jobs += 1
        answer = read_receipt(job.get("input"))
        self.last_end_ts = time.time()
        return answer | {
            "_meter": {
                "worker": self.name,
                "boot_ts": self.boot_ts,
                "model_ready_ts": self.model_ready_ts,
                "job_start_ts": started,
                "job_end_ts": self.last_end_ts,
                "previous_end_ts": before,
                "first_job": self.jobs == 1,
            }
        }


def started_worker() -> Worker:
    """A worker with its models loaded."""
    load()
    name = os.environ.get("RUNPOD_POD_ID") or f"local-{os.getpid()}"
    return Worker(name=name, boot_ts=BOOTED_TS, model_ready_ts=time.time())


def main() -> None:
    """Takes jobs until the SDK ends."""
    os.environ.setdefault("RUNPOD_LOG_LEVEL", "ERROR")  # below it the SDK writes what a receipt says into the log
    import runpod

    runpod.serverless.start({"handler": started_worker().handle})


if __name__ == "__main__":
    main()
