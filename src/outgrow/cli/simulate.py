"""``outgrow simulate``: options played over many drawn months."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import add_shared, asked, where
from outgrow.cli.terminal import money, out, print_json, say, table
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from outgrow.adapters.spread import Runner

MOST_REPLICATIONS = 100_000


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``simulate``."""
    parser = verbs.add_parser(
        "simulate",
        help="play options over many drawn months",
        description="Plays options over drawn months: bill, response times, cold starts and endings with intervals.",
        epilog="example: outgrow simulate examples/receipts --option runpod-flex --setting idle_timeout_s=5",
        allow_abbrev=False,
    )
    parser.add_argument("spec", metavar="SPEC", help="a service.yaml, or a folder that holds one")
    parser.add_argument("--option", metavar="ID", action="append", default=[], help="play this option; repeatable")
    parser.add_argument(
        "--setting",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="instead of the setting `decide` would choose, e.g. idle_timeout_s=5; repeatable",
    )
    parser.add_argument("--replications", metavar="N", type=int, default=96, help="months to play (default: 96)")
    parser.add_argument("--seed", metavar="N", type=int, help="another seed draws other months")
    parser.add_argument(
        "--arrivals", choices=("sessions", "poisson"), help="instead of the spec's: default sessions, or Poisson"
    )
    parser.add_argument(
        "--engine", choices=("compiled", "plain"), help="which kernel plays (default: compiled if built)"
    )
    parser.add_argument("--cores", metavar="N", type=int, help="cores of this machine to use (default: all)")
    parser.add_argument("--out", metavar="FILE", help="write the result; an interrupted study goes on from its parts")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plays and prints."""
    from outgrow.adapters.files import write_atomic
    from outgrow.adapters.study_store import StudyStore
    from outgrow.flows.question import open_spec
    from outgrow.flows.study import plan_study, run_study

    _check(arguments)
    opened = open_spec(Path(arguments.spec), asked(arguments))
    study = plan_study(
        opened,
        only=arguments.option,
        settings=dict(_setting(text) for text in arguments.setting),
        replications=arguments.replications,
        arrivals=arguments.arrivals,
        asked_engine=arguments.engine,
        **({} if arguments.seed is None else {"seed": arguments.seed}),
    )
    runner = _runner(arguments)
    target = Path(arguments.out) if arguments.out else None
    store = StudyStore.beside(target, study.identity) if target else None
    result = run_study(study, runner, store, _progress(study.replications))
    if target and store:
        write_atomic(target, json.dumps(result, ensure_ascii=False, indent=2, allow_nan=False) + "\n")
        store.clear()
        say(f"wrote {target}")
    if arguments.json:
        print_json(result)
    else:
        _show(result)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 1 <= arguments.replications <= MOST_REPLICATIONS:
        raise SpecError(f"--replications: found {arguments.replications}; allowed is 1 to {MOST_REPLICATIONS:,}")
    if arguments.cores is not None and not 1 <= arguments.cores <= 1024:
        raise SpecError(f"--cores: found {arguments.cores}; allowed is 1 to 1,024")
    target = Path(arguments.out) if arguments.out else None
    if target and target.is_dir():
        raise SpecError(f"--out: {target} is a folder; name a file, e.g. {target / 'study.json'}")


def _setting(text: str) -> tuple[str, str | int | float]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise SpecError(f"--setting: found {text!r}; expected NAME=VALUE", hint="--setting idle_timeout_s=5")
    try:
        number = float(value)
    except ValueError:
        return name, value
    if not 0 <= number <= 1e9:
        raise SpecError(f"--setting: {name}={value}; a number is 0 to 1e9")
    return name, int(number) if number.is_integer() and "." not in value else number


def _runner(arguments: argparse.Namespace) -> Runner:
    from outgrow.adapters.spread import on_cluster, on_cores
    from outgrow.sim.compiled import engine

    address = where(arguments)
    if address is not None:
        if arguments.cores is not None:
            raise SpecError("--cores: is for this machine and does not go with --on a cluster")
        return on_cluster(address)
    try:
        playing = engine(arguments.engine)
    except ImportError as problem:
        raise SpecError(f"--engine: {problem}") from None
    if playing == "plain" and arguments.engine is None:
        say("note: the compiled kernel is not installed; the plain one gives the same numbers about 100 times slower")
    return on_cores(threads=playing == "compiled", cores=arguments.cores)


def _progress(months: int) -> Callable[[int], None]:
    """A bar on a terminal, nothing elsewhere but a line now and then."""
    from tqdm import tqdm

    bar = tqdm(total=months, unit="month", file=sys.stderr, delay=0.5, leave=False, mininterval=0.2, dynamic_ncols=True)
    if not sys.stderr.isatty():
        bar.mininterval = 10.0

    def seen(done: int) -> None:
        bar.update(done - bar.n)
        if done >= months:
            bar.close()

    return seen


def _show(result: dict[str, Any]) -> None:
    study = result["study"]
    arrivals = study["arrivals"] if isinstance(study["arrivals"], str) else ", ".join(study["arrivals"])
    out(
        f"{study['service']} in {study['region']}: {study['months']} months, {arrivals} arrivals, seed {study['seed']},"
        f" warm-up {study['warm_up_days']:g} day, {result['engine']} kernel; median, and 80 % of the months\n"
    )
    rows = [_row(option) for option in result["options"]]
    header = ("option", "month", "80 %", "p50 s", "p95 s", "80 %", "p99 s", "delayed", "cold", "used", "keeps all")
    out(table(rows, header, right=set(range(1, len(header)))))
    for option in result["options"]:
        for line in _more(option):
            out(f"  {option['option']}: {line}")


def _row(option: dict[str, Any]) -> list[str]:
    settings = " ".join(f"{name}={value}" for name, value in option["settings"].items())
    return [
        f"{option['option']} {settings}".strip(),
        _money(option["bill_usd"]["median"]),
        _between(option["bill_usd"], _money),
        *(_seconds((option[name] or {}).get("median"), option[name]) for name in ("p50_s", "p95_s")),
        _between(option["p95_s"], lambda value: _seconds(value, option["p95_s"])),
        _seconds((option["p99_s"] or {}).get("median"), option["p99_s"]),
        *(_percent(option[name]) for name in ("delayed_share", "cold_share", "utilisation_frac")),
        f"{option['kept_share'] * 100:.0f} %",
    ]


def _more(option: dict[str, Any]) -> list[str]:
    """Endings that are not answers, attempts beyond the first, and what breaks."""
    lines = []
    endings = option["endings"] or {}
    bad = [
        f"{name.replace('_', ' ')} {share * 100:.2g} %"
        for name, share in endings.items()
        if name != "completed" and share
    ]
    if bad:
        lines.append(f"requests {', '.join(bad)}; {option['attempts']:.3g} attempts a request")
    if option["broke"]:
        broke = ", ".join(f"{entry['constraint']} in {entry['share'] * 100:.0f} %" for entry in option["broke"])
        lines.append(f"breaks {broke} of the months")
    return lines


def _money(usd: float | None) -> str:
    return "never" if usd is None else money(usd)


def _between(spread: dict[str, Any] | None, shown: Callable[[float | None], str]) -> str:
    return "-" if spread is None else f"{shown(spread['low'])} - {shown(spread['high'])}"


def _seconds(value: float | None, spread: object) -> str:
    if spread is None:
        return "-"
    return "never" if value is None else f"{value:,.3g}"


def _percent(spread: dict[str, Any] | None) -> str:
    return "-" if spread is None else f"{spread['median'] * 100:.0f} %"
