"""CPU seconds of the installed commands as whole processes: python benchmarks/commands.py [RUNS].

Each command is run once to warm the caches and then RUNS times, interleaved, so that a machine that drifts drifts for
all of them. What is counted is user + system time of the child, as the operating system reports it. Answers are checked
before they are timed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUTGROW = Path(sys.executable).parent / "outgrow"
ASKED = {"help": 0.15, "price": 0.30}


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def checked(commands: dict[str, list[str]]) -> None:
    """The right answer first: a fast wrong one is worth nothing."""
    out = subprocess.run([*commands["price"], "--json"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    written = {o["option"]: o["monthly_usd"] for o in json.loads(out)["options"] if o["variant"] == "as-written"}
    if round(written["ec2-single"], 2) != 134.24 or round(written["runpod-flex"], 2) != 19.38:
        raise SystemExit(f"wrong answer, not timed: {written}")


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    commands = {
        "help": [str(OUTGROW), "--help"],
        "price": [str(OUTGROW), "price", "examples/receipts"],
        "price chat": [str(OUTGROW), "price", "examples/chat"],
        "check": [str(OUTGROW), "check", "examples/receipts"],
    }
    checked(commands)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            seconds = cpu_seconds(command)
            if run:
                times[name].append(seconds)
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {runs} runs, CPU seconds")
    print(f"{'command':<18} {'min':>6} {'median':>7} {'max':>6}  asked")
    for name, taken in times.items():
        asked = f"{ASKED[name]:.2f}" if name in ASKED else "-"
        print(f"{name:<18} {min(taken):6.2f} {statistics.median(taken):7.2f} {max(taken):6.2f}  {asked}")


if __name__ == "__main__":
    main()
