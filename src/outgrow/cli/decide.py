"""``outgrow decide``: the decision, and its record as JSON, Markdown and one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import a_file, add_shared, asked
from outgrow.cli.codes import NO_CANDIDATE, OK
from outgrow.cli.targets import price_files, refuse_overwriting, spec_files
from outgrow.cli.terminal import money, out, print_json, say, table
from outgrow.cli.traced import show_notes

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``decide``."""
    parser = verbs.add_parser(
        "decide",
        help="decide, and write the record",
        description="Sizes, prices and ranks every option, and writes the decision record.",
        epilog="example: outgrow decide examples/receipts --out decision --lang ko",
        allow_abbrev=False,
    )
    parser.add_argument("spec", metavar="SPEC", help="a service.yaml, or a folder that holds one")
    parser.add_argument(
        "--out", type=a_file, metavar="DIR", help="where the record goes (default: decision; with --json nowhere)"
    )
    parser.add_argument("--lang", choices=("en", "ko"), default="en", help="language of the record")
    parser.add_argument(
        "--supersedes", type=a_file, metavar="RECORD", help="an older record elsewhere that this one replaces"
    )
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decides, writes, prints the verdict."""
    from outgrow.flows.decide_service import decide_service
    from outgrow.flows.question import open_spec

    opened = open_spec(Path(arguments.spec), asked(arguments))
    folder = arguments.out or (None if arguments.json else "decision")
    if folder is not None:
        from outgrow.flows.write_record import JSON, MARKDOWN, PAGE

        read = [*spec_files(arguments.spec, opened.service), *price_files(arguments.prices)]
        refuse_overwriting([("--out", Path(folder, name)) for name in (JSON, MARKDOWN, PAGE)], read)
    show_notes(opened)
    data = decide_service(opened, language=arguments.lang)
    files: dict[str, Path] = {}
    if folder is not None:
        from outgrow.flows.write_record import write_record

        older = Path(arguments.supersedes) if arguments.supersedes else None
        files = write_record(data, Path(folder), supersedes=older)
    if arguments.json:
        print_json(data)
    else:
        _show(data, files)
    unanswered = [name for name, question in data["questions"].items() if question["chosen"] is None]
    for name in unanswered:
        say(f"error: {name}: no option meets the constraints; the record lists why for each")
    over = [pair for pair in data["pairs"][:1] if not pair["within_budget"]]
    if over:
        say(f"error: {over[0]['platform']} and {over[0]['inference']} together are over the budget")
    return NO_CANDIDATE if unanswered or over else OK


def _show(data: dict[str, Any], files: dict[str, Path]) -> None:
    for note in data["warnings"]:
        say(f"warning: {note['text']}")
    for name, question in data["questions"].items():
        out(f"\n{name}: {question['chosen'] or 'no candidate'}")
        out(table([_row(option) for option in question["candidates"]], _HEADER, right=range(1, len(_HEADER))))
        for option in dict.fromkeys(rejection["option"] for rejection in question["rejections"]):
            reasons = [r["reason"] for r in question["rejections"] if r["option"] == option]
            out(f"  out: {option}: {reasons[0]}{f' (and {len(reasons) - 1} more)' if len(reasons) > 1 else ''}")
        for crossover in question["crossovers"]:
            out(f"  {_crossover(crossover)}")
    _show_foresight(data)
    _show_rest(data)
    for path in files.values():
        say(f"wrote {path}")


_HEADER = ("option", "month", "low", "high", "p95 s", "p99 s", "kept", "regret", "first")


def _row(option: dict[str, Any]) -> list[str]:
    spread = option["monthly_usd"]
    return [
        option["option"],
        money(spread["mid"]),
        money(spread["low"]),
        "never ends" if spread["high"] is None else money(spread["high"]),
        _seconds(option, "p95_s"),
        _seconds(option, "p99_s"),
        f"{option['study']['kept_share'] * 100:.0f} %",
        "-" if option["regret_usd"] is None else money(option["regret_usd"]),
        f"{option['first_share'] * 100:.0f} %",
    ]


def _seconds(option: dict[str, Any], name: str) -> str:
    """A response time; ``never`` where so many requests get no answer, ``-`` where none are served."""
    if option[name] is None:
        return "-" if option["cold_share"] is None else "never"
    return f"{option[name]:.3g}"


def _crossover(crossover: dict[str, Any]) -> str:
    first, second = crossover["between"]
    spread = ""
    if crossover["low"] is not None and crossover["high"] is not None and crossover["low"] != crossover["high"]:
        spread = f" ({_plain(crossover['low'])} to {_plain(crossover['high'])})"
    value = crossover["value"]
    at = "never" if value is None else _plain(value)
    how = f"{crossover['method']}, binds: {crossover['binds']}"
    return f"{first} | {second} at {crossover['driver']} = {at}{spread}, {how}"


def _plain(value: float) -> str:
    """Three significant digits below a thousand, whole numbers above."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _show_foresight(data: dict[str, Any]) -> None:
    """What speed costs and when to move, in the record's language."""
    from outgrow.adapters.word_files import load_words
    from outgrow.record.short import growth_lines, speed_line
    from outgrow.record.view import View

    view = View(data, load_words(data["record"]["language"]))
    if line := speed_line(view):
        out(f"  {line}")
    lines = list(growth_lines(view))
    if lines:
        out("\n" + "\n".join(lines))


def _show_rest(data: dict[str, Any]) -> None:
    for pair in data["pairs"][:1]:
        inference = f" + {pair['inference']}" if pair["inference"] else ""
        amounts = f"${money(pair['monthly_usd'])} a month, ${money(pair['with_vat_usd'])} with tax"
        out(f"\ntogether: {pair['platform']}{inference} {amounts}")
    for claim in data["claims"]:
        out(f"claim {claim['id']}: {'holds' if claim['holds'] else 'BROKEN'} ({claim['found']})")
    measure = data["measure_first"]
    if measure:
        out(f"measure first: {measure['reason']}\n  {measure['command']}")
