"""``outgrow simulate``: options played over many drawn months."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import a_file, add_shared, asked, where
from outgrow.cli.played import show_replay, show_study
from outgrow.cli.targets import Named, price_files, refuse_overwriting, spec_files
from outgrow.cli.terminal import print_json, say
from outgrow.cli.traced import add_reading, first_reading, reading, show_notes, speeds
from outgrow.domain.errors import SpecError
from outgrow.domain.units import SEED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from outgrow.adapters.spread import Runner
    from outgrow.flows.measured import Given
    from outgrow.flows.question import Opened

REPLICATIONS = 96
MOST_REPLICATIONS = 100_000
MOST_SCALE = 1000.0


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
    parser.add_argument("--replications", metavar="N", type=int, help=f"months to play (default: {REPLICATIONS})")
    parser.add_argument("--seed", metavar="N", type=int, default=SEED, help="another seed draws other months")
    parser.add_argument(
        "--arrivals", choices=("sessions", "poisson"), help="instead of the spec's: default sessions, or Poisson"
    )
    parser.add_argument(
        "--engine", choices=("compiled", "plain"), help="which kernel plays (default: compiled if built)"
    )
    parser.add_argument("--cores", metavar="N", type=int, help="cores of this machine to use (default: all)")
    parser.add_argument(
        "--out", type=a_file, metavar="FILE", help="write the result; an interrupted study goes on from its parts"
    )
    parser.add_argument(
        "--records", type=a_file, metavar="FILE", help="write the first month, or the replay, one CSV row a request"
    )
    measured = parser.add_argument_group("measured instead of stated")
    measured.add_argument(
        "--trace", type=a_file, metavar="FILE", help="play these requests: whatever `outgrow fit` reads"
    )
    measured.add_argument("--replay", action="store_true", help="play the trace once, as recorded, not drawn months")
    measured.add_argument("--scale", metavar="X", type=float, default=1.0, help="so many times the trace's requests")
    measured.add_argument(
        "--service-times", type=a_file, metavar="FILE", help="measured seconds of work, one a line or a column"
    )
    measured.add_argument("--cold-starts", type=a_file, metavar="FILE", help="measured seconds of cold starts")
    measured.add_argument("--task", metavar="NAME", help="the inference task they are about (default: the only one)")
    add_reading(measured)
    add_shared(parser, cluster=True)


def run(arguments: argparse.Namespace) -> int:
    """Plays and prints."""
    from outgrow.flows.question import open_spec

    _check(arguments)
    asked_for = dataclasses.replace(asked(arguments), files=_files(arguments), seed=arguments.seed)
    opened = open_spec(Path(arguments.spec), asked_for)
    refuse_overwriting(_written(arguments), [*spec_files(arguments.spec, opened.service), *_read(arguments)])
    show_notes(opened)
    result = _replayed(arguments, opened) if arguments.replay else _studied(arguments, opened)
    for written in (arguments.out, arguments.records):
        if written:
            say(f"wrote {written}")
    if arguments.json:
        print_json(result)
    elif arguments.replay:
        show_replay(result)
    else:
        show_study(result)
    return 0


def _written(arguments: argparse.Namespace) -> list[Named]:
    return [(f"--{name}", Path(text)) for name in ("out", "records") if (text := getattr(arguments, name))]


def _read(arguments: argparse.Namespace) -> list[Named]:
    named = {"trace": arguments.trace, "service-times": arguments.service_times, "cold-starts": arguments.cold_starts}
    files = [(f"the file of --{name}", Path(text)) for name, text in named.items() if text]
    return [*files, *price_files(arguments.prices)]


def _measured(arguments: argparse.Namespace) -> bool:
    return any((arguments.trace, arguments.service_times, arguments.cold_starts))


def _replications(arguments: argparse.Namespace) -> int:
    return REPLICATIONS if arguments.replications is None else int(arguments.replications)


def _studied(arguments: argparse.Namespace, opened: Opened) -> dict[str, Any]:
    from outgrow.adapters.files import write_atomic
    from outgrow.adapters.study_store import StudyStore
    from outgrow.flows.records import month_records
    from outgrow.flows.study import plan_study, run_study

    study = plan_study(
        opened,
        only=arguments.option,
        settings=dict(_setting(text) for text in arguments.setting),
        replications=_replications(arguments),
        arrivals=arguments.arrivals,
        asked_engine=arguments.engine,
        seed=arguments.seed,
    )
    runner = _runner(arguments)
    target = Path(arguments.out) if arguments.out else None
    store = StudyStore.beside(target, study.identity) if target else None
    result = run_study(study, runner, store, _progress(study.replications))
    if arguments.records:
        write_atomic(Path(arguments.records), month_records(study))
    if target and store:
        write_atomic(target, _text(result))
        store.clear()
    return result


def _replayed(arguments: argparse.Namespace, opened: Opened) -> dict[str, Any]:
    from outgrow.adapters.files import write_atomic
    from outgrow.flows.replay import plan_replay, run_replay

    _check_engine(arguments)
    replay = plan_replay(
        opened,
        only=arguments.option,
        settings=dict(_setting(text) for text in arguments.setting),
        task=arguments.task,
        asked_engine=arguments.engine,
        seed=arguments.seed,
    )
    result = run_replay(replay, Path(arguments.records) if arguments.records else None)
    if arguments.out:
        write_atomic(Path(arguments.out), _text(result))
    return result


def _text(result: dict[str, Any]) -> str:
    return json.dumps(result, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _files(arguments: argparse.Namespace) -> Given | None:
    """The measured files that were named; None without any."""
    named = {"trace": arguments.trace, "cold_starts": arguments.cold_starts, "service_times": arguments.service_times}
    if not any(named.values()):
        return None
    from outgrow.flows.measured import Given

    paths = {name: Path(text) if text else None for name, text in named.items()}
    return Given(
        task=arguments.task, options=reading(arguments), speeds=speeds(arguments), scale=arguments.scale, **paths
    )


def _check(arguments: argparse.Namespace) -> None:
    if not 1 <= _replications(arguments) <= MOST_REPLICATIONS:
        raise SpecError(f"--replications: found {arguments.replications}; allowed is 1 to {MOST_REPLICATIONS:,}")
    if arguments.cores is not None and not 1 <= arguments.cores <= 1024:
        raise SpecError(f"--cores: found {arguments.cores}; allowed is 1 to 1,024")
    if not 0 < arguments.scale <= MOST_SCALE:
        raise SpecError(f"--scale: found {arguments.scale:g}; allowed is above 0 up to {MOST_SCALE:,.0f}")
    _check_measured(arguments)
    if arguments.scale != 1 and not arguments.trace:
        raise SpecError("--scale: is about a --trace; found none", hint="--set inference.NAME.requests_per_day=N")
    for name in ("out", "records"):
        target = Path(getattr(arguments, name) or ".")
        if getattr(arguments, name) and target.is_dir():
            raise SpecError(f"--{name}: {target} is a folder; name a file, e.g. {target / 'study.json'}")
    if arguments.replay:
        _check_replay(arguments)


def _check_measured(arguments: argparse.Namespace) -> None:
    """What is about a measured file that was not named."""
    if not arguments.trace and (flag := first_reading(arguments)):
        raise SpecError(f"{flag}: says how a --trace is read; found none", hint="--trace FILE, or leave it out")
    if arguments.task is not None and not arguments.replay and not _measured(arguments):
        raise SpecError(
            f"--task: found {arguments.task!r}, and no measured file that is about it",
            hint="--trace, --service-times or --cold-starts FILE, or leave it out",
        )


def _check_replay(arguments: argparse.Namespace) -> None:
    """What a replay has no use for."""
    useless = {
        "--arrivals": arguments.arrivals,
        "--on": where(arguments),
        "--cores": arguments.cores,
        "--replications": arguments.replications,
    }
    for name, given in useless.items():
        if given is not None:
            raise SpecError(f"{name}: found {given} with --replay, which plays the trace once, as recorded")


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
    _check_engine(arguments)
    playing = engine(arguments.engine)
    if playing == "plain" and arguments.engine is None:
        say("note: the compiled kernel is not installed; the plain one gives the same numbers about 100 times slower")
    return on_cores(threads=playing == "compiled", cores=arguments.cores)


def _check_engine(arguments: argparse.Namespace) -> None:
    from outgrow.sim.compiled import engine

    try:
        engine(arguments.engine)
    except ImportError as problem:
        raise SpecError(f"--engine: {problem}") from None


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
