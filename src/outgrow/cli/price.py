"""``outgrow price``: every option's bill by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import add_shared, asked
from outgrow.cli.terminal import money, out, print_json, say, table
from outgrow.cli.traced import show_notes

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``price``."""
    parser = verbs.add_parser(
        "price",
        help="price every option by line",
        description="Prices every option by line, as a document writes it and sized to the load.",
        epilog="example: outgrow price examples/receipts --as-written --region us-east-1",
        allow_abbrev=False,
    )
    parser.add_argument("spec", metavar="SPEC", help="a service.yaml, or a folder that holds one")
    parser.add_argument("--region", metavar="R", help="price in this region instead of the spec's")
    parser.add_argument("--as-written", action="store_true", help="only the options as a document writes them")
    parser.add_argument("--option", metavar="ID", help="only this option, with all its lines")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prices and prints."""
    from outgrow.catalog.options import option as option_named
    from outgrow.flows.price_service import price_service
    from outgrow.flows.question import open_spec

    if arguments.option:
        option_named(arguments.option, "--option")
    opened = open_spec(Path(arguments.spec), asked(arguments, arguments.region))
    show_notes(opened)
    data = price_service(opened, only_as_written=arguments.as_written)
    if arguments.option:
        data["options"] = [entry for entry in data["options"] if entry["option"] == arguments.option]
        data["not_built"] = [entry for entry in data["not_built"] if entry["option"] == arguments.option]
    if arguments.json:
        print_json(data)
    else:
        _show(data, by_line=bool(arguments.option))
    return 0


def _show(data: dict[str, Any], *, by_line: bool) -> None:
    out(f"{data['service']} in {data['region']}, prices of {data['on']}, US dollars a month before tax\n")
    out(table([_row(entry) for entry in data["options"]], _HEADER, right={3, 4, 5, 6, 7}))
    if by_line:
        for entry in data["options"]:
            _show_lines(entry)
    holes: dict[str, list[str]] = {}
    for entry in data["options"]:
        for line in entry["unpriced"]:
            holes.setdefault(f"{line['component']} has no price: {line['reason']}", []).append(_name(entry))
    for entry in data["not_built"]:
        holes.setdefault(f"not built: {entry['reason']}", []).append(_name(entry))
    for text, names in holes.items():
        say(f"warning: {text} [{', '.join(names)}]")
    if not by_line:
        say("hint: --option ID shows the lines of one option, --json all of them with their sources")


def _name(entry: dict[str, Any]) -> str:
    return str(entry["option"]) if entry["variant"] == "sized" else f"{entry['option']} as written"


_HEADER = ("question", "option", "variant", "month", "low", "high", "before traffic", "things to run")


def _row(entry: dict[str, Any]) -> list[str]:
    traffic = entry["subtotals_usd"].get("traffic", 0.0)
    spread = entry["range_usd"]
    mark = "+" if any(line["material"] for line in entry["unpriced"]) else ""
    return [
        entry["question"],
        entry["option"],
        entry["variant"],
        money(entry["monthly_usd"]) + mark,
        money(spread["low"]),
        money(spread["high"]),
        money(entry["monthly_usd"] - traffic),
        str(sum(host["count"] for host in entry["hosts"]) + len(entry["managed"])),
    ]


def _show_lines(entry: dict[str, Any]) -> None:
    settings = ", ".join(f"{name} {value}" for name, value in entry["settings"].items())
    out(f"\n{entry['option']} {entry['variant']}{f' ({settings})' if settings else ''}")
    rows = [
        [
            line["component"],
            line["sku"],
            f"{line['quantity']:,.6g}",
            line["unit"],
            f"{line['rate_usd']:.6g}",
            money(line["amount_usd"]),
            line["as_of"],
        ]
        for line in entry["lines"]
    ]
    rows.append(["total", "", "", "", "", money(entry["monthly_usd"]), ""])
    out(table(rows, ("component", "sku", "quantity", "unit", "rate", "amount", "as of"), right={2, 4, 5}))
