"""Lines a second and memory of reading traces, and of `outgrow fit`: python benchmarks/traces.py [LINES].

Writes logs of LINES requests (default 10,000,000) with a fixed seed, reads each in a process of its own, and reports
wall-clock time and the most memory that process held, beside what its arrays need. What was read is checked first.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from outgrow.adapters.traces.door import read_trace
from outgrow.fit.process import Speeds, fit_trace

BEGIN_S = 1_767_225_600
PER_S = 4.0
KINDS = ("epoch.csv", "iso.csv", "nginx.log")
TOLD = "--child"


def write_logs(folder: Path, count: int) -> None:
    rng = random.Random(1)  # noqa: S311 - made-up logs, no secrets
    at_s, second, iso, clock = float(BEGIN_S), 0, "", ""
    with (
        (folder / "epoch.csv").open("w") as epoch_file,
        (folder / "iso.csv").open("w") as iso_file,
        (folder / "nginx.log").open("w") as nginx_file,
    ):
        epoch_file.write("timestamp,duration_ms,user\n")
        iso_file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for _ in range(count):
            at_s += rng.expovariate(PER_S)
            took_ms, user = rng.randint(100, 9000), rng.randint(1, 20_000)
            if int(at_s) != second:
                second = int(at_s)
                moment = datetime.fromtimestamp(second, tz=UTC)
                iso, clock = moment.strftime("%Y-%m-%d %H:%M:%S"), moment.strftime("%d/%b/%Y:%H:%M:%S")
            epoch_file.write(f"{at_s:.6f},{took_ms},u{user}\n")
            iso_file.write(f"{iso}.{int((at_s - second) * 1e7):07d},{took_ms},{user}\n")
            nginx_file.write(
                f'10.0.{user % 256}.{user // 256} - - [{clock} +0000] "GET /api/{user} HTTP/1.1" 200 {took_ms}'
                f' "https://example.com/" "Mozilla/5.0 (X11; Linux x86_64)" {took_ms / 1000:.3f}\n'
            )


def child(file: Path) -> None:
    """Reads and fits one file, and prints what that took."""
    begun = time.perf_counter()
    trace = read_trace(file)
    read_s = time.perf_counter() - begun
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    columns = (trace.times_s, trace.service_s, trace.input_tokens, trace.output_tokens, trace.session)
    arrays_mib = sum(8 * len(column) for column in columns if column is not None) / 2**20
    begun = time.perf_counter()
    fit = fit_trace(trace, Speeds())
    fit_s = time.perf_counter() - begun
    found = {"requests": fit.requests, "per_day": fit.per_day.mid, "sessions": fit.sessions is not None}
    fit_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = {"read_s": read_s, "peak_mib": peak_mib, "arrays_mib": arrays_mib, "fit_s": fit_s, "fit_mib": fit_mib}
    print(json.dumps(found | times))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {count:,} lines")
    print(f"{'file':<10} {'lines/s':>10} {'read s':>7} {'most MiB':>9} {'arrays MiB':>11} {'fit s':>6} {'most MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        write_logs(Path(folder), count)
        for name in KINDS:
            command = [sys.executable, __file__, TOLD, str(Path(folder) / name)]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if done["requests"] != count or abs(done["per_day"] / (PER_S * 86_400) - 1) > 0.05 or done["sessions"]:
                raise SystemExit(f"wrong answer, not reported: {done}")
            print(
                f"{name:<10} {count / done['read_s']:>10,.0f} {done['read_s']:>7.1f} {done['peak_mib']:>9.0f}"
                f" {done['arrays_mib']:>11.0f} {done['fit_s']:>6.1f} {done['fit_mib']:>9.0f}"
            )


if __name__ == "__main__":
    if TOLD in sys.argv:
        child(Path(sys.argv[-1]))
    else:
        main()
