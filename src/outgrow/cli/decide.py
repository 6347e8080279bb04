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

    from outgrow.record.view import View


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
    from outgrow.adapters.word_files import load_words
    from outgrow.record.view import View

    view = View(data, load_words(arguments.lang))
    if arguments.json:
        print_json(data)
    else:
        _show(view, files)
    unanswered = [name for name, question in data["questions"].items() if question["chosen"] is None]
    for name in unanswered:
        say(view.label("short.unanswered", question=view.label(f"short.{name}")))
    over = [pair for pair in data["pairs"][:1] if not pair["within_budget"]]
    if over:
        say(view.label("short.over-budget", platform=over[0]["platform"], inference=str(over[0]["inference"])))
    return NO_CANDIDATE if unanswered or over else OK


def _show(view: View, files: dict[str, Path]) -> None:
    data = view.data
    for note in data["warnings"]:
        say(view.label("short.warning", text=note["text"]))
    header = view.label("short.columns").split("|")
    for name, question in data["questions"].items():
        chosen = question["chosen"] or view.label("short.no-candidate")
        out("\n" + view.label("short.chosen", question=view.label(f"short.{name}"), chosen=chosen))
        rows = [_row(view, option) for option in question["candidates"]]
        out(table(rows, header, right=range(1, len(header))))
        for option in dict.fromkeys(rejection["option"] for rejection in question["rejections"]):
            reasons = [r["reason"] for r in question["rejections"] if r["option"] == option]
            label, more = "short.out-more" if len(reasons) > 1 else "short.out", str(len(reasons) - 1)
            out(f"  {view.label(label, option=option, reason=reasons[0], more=more)}")
        for crossover in question["crossovers"]:
            out(f"  {_crossover(view, crossover)}")
    _show_foresight(view)
    _show_rest(view)
    for path in files.values():
        say(view.label("short.wrote", path=str(path)))


def _row(view: View, option: dict[str, Any]) -> list[str]:
    spread = option["monthly_usd"]
    return [
        option["option"],
        money(spread["mid"]),
        money(spread["low"]),
        view.label("short.never-ends") if spread["high"] is None else money(spread["high"]),
        _seconds(view, option, "p95_s"),
        _seconds(view, option, "p99_s"),
        f"{option['study']['kept_share'] * 100:.0f} %",
        "-" if option["regret_usd"] is None else money(option["regret_usd"]),
        f"{option['first_share'] * 100:.0f} %",
    ]


def _seconds(view: View, option: dict[str, Any], name: str) -> str:
    """A response time; ``never`` where so many requests get no answer, ``-`` where none are served."""
    if option[name] is None:
        return "-" if option["cold_share"] is None else view.label("short.never")
    return f"{option[name]:.3g}"


def _crossover(view: View, crossover: dict[str, Any]) -> str:
    first, second = crossover["between"]
    low, high, value = crossover["low"], crossover["high"], crossover["value"]
    at = view.label("short.never") if value is None else _plain(value)
    gaps = {"first": first, "second": second, "driver": crossover["driver"], "at": at}
    gaps |= {"method": crossover["method"], "binds": crossover["binds"]}
    if low is None or high is None or low == high:
        return view.label("short.crossover", **gaps)
    return view.label("short.crossover-between", low=_plain(low), high=_plain(high), **gaps)


def _plain(value: float) -> str:
    """Three significant digits below a thousand, whole numbers above."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _show_foresight(view: View) -> None:
    """What speed costs and when to move."""
    from outgrow.record.short import growth_lines, speed_line

    if line := speed_line(view):
        out(f"  {line}")
    lines = list(growth_lines(view))
    if lines:
        out("\n" + "\n".join(lines))


def _show_rest(view: View) -> None:
    data = view.data
    for pair in data["pairs"][:1]:
        both = f"{pair['platform']} + {pair['inference']}" if pair["inference"] else pair["platform"]
        amounts = {"monthly": money(pair["monthly_usd"]), "taxed": money(pair["with_vat_usd"])}
        out("\n" + view.label("short.together", pair=both, **amounts))
    for claim in data["claims"]:
        out(view.label(f"short.claim-{'holds' if claim['holds'] else 'broken'}", id=claim["id"], found=claim["found"]))
    measure = data["measure_first"]
    if measure:
        out(f"{view.label('short.measure', reason=measure['reason'])}\n  {measure['command']}")
