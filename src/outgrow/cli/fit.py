"""``outgrow fit``: what a request trace says, as part of a spec."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import a_file
from outgrow.cli.targets import refuse_overwriting
from outgrow.cli.terminal import counted, out, print_json, say, table
from outgrow.cli.traced import add_reading, reading, speeds
from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

QUIET_S = 2.0
"""Reading that takes longer shows how far it is."""

HOURS = 24


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``fit``."""
    parser = verbs.add_parser(
        "fit",
        help="measure arrivals and service times from a trace",
        description="Estimates rate, shape, sessions, day factor and service time from a trace, and checks them.",
        epilog="example: outgrow fit access.log --timezone Asia/Seoul --task receipts --out measured.yaml",
        allow_abbrev=False,
    )
    parser.add_argument(
        "trace", type=a_file, metavar="TRACE", help="access log, CSV, JSON lines, k6 or Prometheus export, or .gz"
    )
    add_reading(parser)
    parser.add_argument("--task", metavar="NAME", default="model", help="the inference task the fragment is about")
    parser.add_argument("--seed", metavar="N", default="0", help="seed of the check on held-out days")
    parser.add_argument("--out", type=a_file, metavar="FILE", help="write the spec fragment there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Fits, prints, writes."""
    from outgrow.flows.fit_trace import Asked, fit_file, write_fragment

    if arguments.out:
        refuse_overwriting([("--out", Path(arguments.out))], [("the trace", Path(arguments.trace))])
    asked = Asked(
        path=Path(arguments.trace),
        options=reading(arguments),
        speeds=speeds(arguments),
        task=arguments.task,
        seed=_seed(arguments.seed),
    )
    data = fit_file(asked, _progress())
    if arguments.out:
        write_fragment(Path(arguments.out), data["fragment"])
    if arguments.json:
        print_json(data)
    else:
        _show(data)
    if arguments.out:
        say(f"wrote {arguments.out}")
    if data["check"] and not data["check"]["holds"]:
        say(f"hint: this fit does not stand for the trace: outgrow simulate SPEC --trace {arguments.trace} plays it")
    elif not arguments.out:
        say("hint: --out FILE writes this as part of a spec")
    return 0


def _seed(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise TraceError(f"--seed: found {text!r}; expected a whole number") from None


def _progress() -> Callable[[int], None]:
    """Says after a while how many lines were read, on one line of a terminal."""
    begun = said = time.monotonic()
    lively = sys.stderr.isatty()

    def tell(lines: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - begun < QUIET_S or now - said < (0.5 if lively else 5.0 if said > begun else 0.0):
            return
        said = now
        sys.stderr.write(f"\rread {lines:,} lines" if lively else f"read {lines:,} lines\n")
        sys.stderr.flush()

    return tell


def _show(data: dict[str, Any]) -> None:
    trace, estimates = data["trace"], data["estimates"]
    dates = f", {trace['first_day']} to {trace['last_day']}" if trace.get("first_day") else ""
    days = f" on {counted(trace['days'], 'day')} ({trace['whole_days']} whole)" if "days" in trace else ""
    zone = f", {trace['zone']}" if "zone" in trace else ""
    out(f"{trace['name']}: {counted(trace['requests'], 'request')}{days}{dates}{zone}\n")
    out(table(_rows(estimates), ("estimate", "low", "mid", "high"), right={1, 2, 3}))
    if estimates.get("day_shape"):
        shares = [share["mid"] for share in estimates["day_shape"]]
        out("\nshare of the day by hour, %")
        for first in (0, HOURS // 2):
            cells = "".join(f"{100 * share:6.1f}" for share in shares[first : first + HOURS // 2])
            out(f"  from {first:>2} h {cells}")
    if data["check"]:
        _show_check(data["check"])
    elif "zone" in trace:
        out("\ntoo few requests to hold any out: how well the fit holds is not known")
    for note in data["notes"]:
        say(f"note: {note['text']}")


def _rows(estimates: dict[str, Any]) -> list[list[str]]:
    rows = [_row("requests a day", estimates["requests_per_day"])]
    rows += [_row("day variance", estimates["day_variance"])] if estimates.get("day_variance") else []
    sessions = estimates.get("sessions")
    if sessions:
        rows.append(_row(f"session size (told by {sessions['by']})", sessions["size"]))
        rows += [_row("session gap, s", sessions["gap_s"]), _row("session gap cv", sessions["gap_cv"])]
    elif estimates.get("even"):
        rows.append(["sessions: none, requests come more evenly than by chance (poisson stands in)", "", "", ""])
    elif "sessions" in estimates:
        rows.append(["sessions: none found, requests come one by one (poisson)", "", "", ""])
    service = estimates.get("service")
    if service:
        rows.append(_row("service time, s", service["mean_s"]))
        cv = service["cv"]
        rows.append(_row("service cv", cv if isinstance(cv, dict) else {"low": cv, "mid": cv, "high": cv}))
    starts = estimates.get("starts")
    if starts:
        rows.append(_row(f"requests that met a start (told by {starts['by']})", starts["share"]))
        if starts["time"]:
            rows += [_row("cold start, s", starts["time"]["mean_s"]), _row("cold start cv", starts["time"]["cv"])]
        if starts["kept_idle_s"] is not None:
            rows.append(["idle workers seen alive after, s", _number(starts["kept_idle_s"]), "", ""])
    for name in ("input_tokens", "output_tokens"):
        rows += [_row(f"{name.replace('_', ' ')} a request", estimates[name])] if estimates.get(name) else []
    return rows


def _row(name: str, estimate: dict[str, float]) -> list[str]:
    return [name, *(_number(estimate[end]) for end in ("low", "mid", "high"))]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _show_check(check: dict[str, Any]) -> None:
    out(
        f"\nfitted to {check['fitted']}, held out {check['held_out']}"
        f" ({counted(check['held_out_requests'], 'request')});"
        f" {check['draws']} draws of each"
    )
    rows = []
    for figure in check["figures"]:
        cells = [f"{figure['name']} {figure['unit']}".strip(), _number(figure["real"])]
        for name in ("fitted", "poisson"):
            band = figure[name]
            cells += [f"{_number(band['low'])} to {_number(band['high'])}", "yes" if figure[f"{name}_holds"] else "no"]
        rows.append(cells)
    out(table(rows, ("held out", "found", "fit, 80 %", "holds", "Poisson, 80 %", "holds"), right={1, 2, 4}))
    total = len(check["figures"])
    out(f"the fit holds for {check['inside']} of {total} figures, Poisson arrivals for {check['inside_poisson']}")
