"""Decisions and studies as whole processes: python benchmarks/studies.py [RUNS].

Wall and CPU seconds and the largest memory of each child, as the operating system reports them, on all cores; the runs
are interleaved and the median is reported. *Cold* means a fresh process each time. What is asked stands beside it.
Answers are checked before they are timed.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTGROW = Path(sys.executable).parent / "outgrow"
RECEIPTS = "examples/receipts"
ENGINE_OF_900 = ("--option", "runpod-flex", "--option", "runpod-hybrid", "--option", "runpod-active")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took."""

    wall_s: float
    cpu_s: float
    memory_mib: float


def run(words: list[str]) -> Taken:
    begun = time.perf_counter()
    child = subprocess.Popen([str(OUTGROW), *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {child.returncode}")
    return Taken(
        wall_s=time.perf_counter() - begun,
        cpu_s=usage.ru_utime + usage.ru_stime,
        memory_mib=usage.ru_maxrss / 1024,
    )


def checked() -> None:
    """The right answer first: a fast wrong one is worth nothing."""
    words = ["simulate", RECEIPTS, "--option", "runpod-flex", "--setting", "idle_timeout_s=5", "--arrivals", "poisson"]
    words += ["--set", "inference.receipts.cold_start_s=60", "--json"]
    done = subprocess.run([str(OUTGROW), *words], cwd=ROOT, check=True, capture_output=True, text=True)
    median = json.loads(done.stdout)["options"][0]["bill_usd"]["median"]
    if abs(median / 19 - 1) > 0.1:
        raise SystemExit(f"wrong answer, not timed: {median} dollars a month")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        at_500 = ["--set", "inference.receipts.requests_per_day=500"]
        jobs: dict[str, tuple[list[str], str]] = {
            "decide examples/receipts, cold": (["decide", RECEIPTS, "--out", f"{folder}/receipts"], "3 s wall"),
            "decide examples/chat, cold": (["decide", "examples/chat", "--out", f"{folder}/chat"], "-"),
            "decide examples/imagetool, cold": (["decide", "examples/imagetool", "--out", f"{folder}/image"], "-"),
            "900 option-months, 500 a day": (
                ["simulate", RECEIPTS, *ENGINE_OF_900, "--replications", "300", *at_500],
                "2 s wall",
            ),
            "study of 100 months, 9 options": (["simulate", RECEIPTS, "--replications", "100"], "-"),
            "study of 1,000 months, 9 options": (["simulate", RECEIPTS, "--replications", "1000"], "same memory"),
            "study of 3,000 months, 9 options": (["simulate", RECEIPTS, "--replications", "3000"], "same memory"),
        }
        checked()
        taken: dict[str, list[Taken]] = {name: [] for name in jobs}
        for _ in range(runs):
            for name, (words, _) in jobs.items():
                taken[name].append(run(words))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, median of {runs} runs")
    print(f"{'command':<34} {'wall s':>7} {'CPU s':>7} {'MiB':>6}  asked")
    for name, found in taken.items():
        wall, cpu, memory = (
            statistics.median(getattr(one, field) for one in found) for field in ("wall_s", "cpu_s", "memory_mib")
        )
        print(f"{name:<34} {wall:7.2f} {cpu:7.2f} {memory:6.0f}  {jobs[name][1]}")


if __name__ == "__main__":
    main()
