"""``outgrow review``: assumed against measured, and why the bill is another one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import a_file, add_shared, asked, day
from outgrow.cli.targets import refuse_overwriting
from outgrow.cli.terminal import counted, money, out, print_json, say, table
from outgrow.cli.traced import add_reading, reading, speeds
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``review``."""
    parser = verbs.add_parser(
        "review",
        help="set what was assumed against what was measured",
        description="Sets the spec against a log of requests and the provider's bill: what made the difference?",
        epilog="example: outgrow review my-service --trace jobs.csv --billed 41.20 --out measured.yaml",
        allow_abbrev=False,
    )
    parser.add_argument("spec", metavar="SPEC", help="a service.yaml, or a folder that holds one")
    parser.add_argument("--trace", type=a_file, metavar="FILE", required=True, help="whatever `outgrow fit` reads")
    parser.add_argument("--task", metavar="NAME", help="the inference task it is about (default: the only one)")
    parser.add_argument(
        "--option", metavar="ID", help="the inference option that runs (default: what the spec decides)"
    )
    parser.add_argument("--billed", metavar="USD", type=float, help="the provider's bill for the time of the trace")
    parser.add_argument("--per-usd", metavar="X", type=float, help="today's rate of the spec's currency")
    parser.add_argument("--now", metavar="DATE", help="the day whose prices count now (default: today)")
    parser.add_argument("--out", type=a_file, metavar="FILE", help="write the measured part of a spec there")
    add_reading(parser)
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    """Reviews, prints, writes."""
    from outgrow.adapters.clock import today
    from outgrow.adapters.files import write_atomic
    from outgrow.flows.measured import Given
    from outgrow.flows.review import Review, review

    for name, value in (("--billed", arguments.billed), ("--per-usd", arguments.per_usd)):
        if value is not None and not 0 <= value <= 1e12:
            raise SpecError(f"{name}: found {value:g}; allowed is 0 to 1e12")
    if arguments.out:
        refuse_overwriting([("--out", Path(arguments.out))], [("the trace", Path(arguments.trace))])
    then = asked(arguments)
    given = Given(
        task=arguments.task, trace=Path(arguments.trace), options=reading(arguments), speeds=speeds(arguments)
    )
    data = review(
        Review(
            spec=Path(arguments.spec),
            given=given,
            then=then,
            now=dataclasses.replace(then, on=day(arguments.now) or today()),
            option=arguments.option,
            billed_usd=arguments.billed,
            per_usd=arguments.per_usd,
        )
    )
    if arguments.out:
        write_atomic(Path(arguments.out), data["fragment"])
    if arguments.json:
        print_json(data)
    else:
        _show(data)
    if arguments.out:
        say(f"wrote {arguments.out}")
    return 0 if all(claim["holds"] for claim in data["claims"]) else 1


def _show(data: dict[str, Any]) -> None:
    for note in data["notes"]:
        say(f"note: {note['text']}")
    seen = data["measured_from"]
    out(
        f"{data['service']}, {data['task']} on {data['option']}: {counted(seen['requests'], 'request')} of"
        f" {seen['trace']} in {counted(seen['days'], 'day', '.3g')}\n"
    )
    out(table([_input(row) for row in data["inputs"]], ("input", "assumed", "measured", "80 %", ""), right={1, 2, 3}))
    _show_bill(data["bill"])
    choice = data["choice"]
    if choice["now"] == choice["runs"]:
        out(f"\n{choice['runs']} is still what a decision on these numbers takes")
    else:
        out(f"\na decision on these numbers takes {choice['now'] or 'none of the options'}, not {choice['runs']}")
    for claim in data["claims"]:
        out(f"claim {claim['id']}: {'holds' if claim['holds'] else 'BROKEN'} ({claim['found']})")


def _show_bill(bill: dict[str, Any]) -> None:
    rows = [["assumed", money(bill["assumed_usd"])]]
    rows += [[f"  {effect['factor'].replace('-', ' ')}", f"{effect['usd']:+,.2f}"] for effect in bill["effects"]]
    rows.append(["expected of what was measured", money(bill["expected_usd"])])
    if bill["billed_usd"] is not None:
        rows.append(["  unexplained", f"{bill['unexplained_usd']:+,.2f}"])
        rows.append(["billed", money(bill["billed_usd"])])
    out("\n" + table(rows, ("bill of a month, US dollars", ""), right={1}))


def _input(row: dict[str, Any]) -> list[str]:
    assumed, measured = row["assumed"], row["measured"]
    spread = assumed["low"] != assumed["high"]
    return [
        row["input"],
        f"{assumed['low']:.4g} - {assumed['high']:.4g}" if spread else f"{assumed['mid']:.4g}",
        f"{measured['mid']:.4g}",
        f"{measured['low']:.4g} - {measured['high']:.4g}",
        "as assumed" if row["as_assumed"] else f"x {row['times']:.2g}" if row["times"] else "not assumed",
    ]
