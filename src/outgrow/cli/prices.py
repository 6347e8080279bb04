"""``outgrow prices``: what is in the price book, what is wrong with it, what providers ask today."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.cli.asked import a_file, day
from outgrow.cli.targets import price_files, refuse_overwriting
from outgrow.cli.terminal import out, print_json, say, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from datetime import date

    from outgrow.domain.price import Rate
    from outgrow.flows.price_book import Change, Problem, RateSource, Refresh

BAD_PRICES = 3
PROVIDERS = ("aws", "runpod")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``prices`` and its four verbs."""
    parser = subparsers.add_parser(
        "prices",
        help="list, show, check or refresh the prices",
        description="Shows what is in the price book, and asks providers what has changed.",
        epilog="example: outgrow prices list t4g --region ap-northeast-2",
        allow_abbrev=False,
    )
    verbs = parser.add_subparsers(dest="prices_verb", metavar="VERB", required=True)
    _list_arguments(_verb(verbs, "list", "list the rates in force on a day", "list 't4g' --region ap-northeast-2"))
    show = _verb(verbs, "show", "show every row of one sku, with its history", "show aws/transfer/egress")
    show.add_argument("sku", metavar="SKU", help="provider/service/name")
    check = _verb(verbs, "check", "check the price book as a whole", "check --max-age-days 180")
    check.add_argument(
        "--max-age-days", metavar="N", type=int, default=365, help="a rate confirmed longer ago is stale (365)"
    )
    _refresh_arguments(_verb(verbs, "refresh", "ask AWS and RunPod what they charge today", "refresh --provider aws"))


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, says: str, example: str
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=says,
        description=f"{says[0].upper()}{says[1:]}.",
        epilog=f"example: outgrow prices {example}",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--prices",
        metavar="FILE",
        type=a_file,
        action="append",
        default=[],
        help="price file on top of the shipped ones; repeatable",
    )
    parser.add_argument("--on", metavar="DATE", help="the day whose prices count (default: today)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pattern", metavar="SKU", nargs="?", help="a part of the sku, or a pattern such as 'aws/ebs/*'")
    parser.add_argument("--region", metavar="REGION", help="what is sold there, or alike anywhere")
    parser.add_argument("--provider", metavar="PROVIDER", help="the first part of the sku")


def _refresh_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Asks AWS and RunPod what they charge today, and writes the rows for review; the price book stays as it is."
    )
    parser.add_argument(
        "--provider", choices=PROVIDERS, action="append", default=[], help="ask only this one; repeatable"
    )
    parser.add_argument(
        "--out",
        type=a_file,
        metavar="FILE",
        default="price-candidates.csv",
        help="where the rows go (price-candidates.csv)",
    )
    parser.add_argument("--force", action="store_true", help="replace that file")


def run(args: argparse.Namespace) -> int:
    """Runs one of the four verbs; exit code 3 when ``check`` finds an error."""
    from outgrow.adapters.clock import today

    verbs: dict[str, Callable[[argparse.Namespace, date], int]] = {
        "list": _list,
        "show": _show,
        "check": _check,
        "refresh": _refresh,
    }
    return verbs[args.prices_verb](args, day(args.on) or today())


def _list(args: argparse.Namespace, on: date) -> int:
    from outgrow.adapters.price_files import load_book
    from outgrow.flows.price_book import list_rates

    book = load_book([Path(name) for name in args.prices])
    rates = list_rates(book, sku_pattern=args.pattern, region=args.region, provider=args.provider, on=on)
    if args.json:
        print_json({"format": 1, "on": str(on), "rates": [_data(rate) for rate in rates]})
        return 0
    header = ["sku", "region", "from", "rate", "currency", "per", "free", "as of", "confidence"]
    if rates:
        out(table([_row(rate) for rate in rates], header, right={2, 3, 6}))
    say(f"{len(rates)} rates in force on {on}" if rates else f"no rate in force on {on} matches")
    return 0


def _show(args: argparse.Namespace, on: date) -> int:
    from outgrow.adapters.price_files import load_book
    from outgrow.flows.price_book import list_rates, show_sku

    book = load_book([Path(name) for name in args.prices])
    rows = show_sku(book, args.sku)
    now = {id(rate) for rate in list_rates(book, on=on)}
    if args.json:
        rates = [{**_data(rate), "in_force": id(rate) in now} for rate in rows]
        print_json({"format": 1, "sku": args.sku, "on": str(on), "rates": rates})
        return 0
    header = ["region", "from", "rate", "currency", "per", "free", "step", "valid from", "until", "withdrawn", "as of"]
    cells = [[*_history(rate), "yes" if id(rate) in now else "", rate.source] for rate in rows]
    out(table(cells, [*header, "confidence", "in force", "source"], right={1, 2, 5, 6}))
    return 0


def _check(args: argparse.Namespace, on: date) -> int:
    from outgrow.adapters.price_files import load_book, shipped_machines
    from outgrow.catalog.used import used_skus
    from outgrow.flows.price_book import check_book

    book = load_book([Path(name) for name in args.prices])
    problems = check_book(book, shipped_machines(), used_skus(), on, args.max_age_days)
    errors = sum(problem.level == "error" for problem in problems)
    if args.json:
        print_json({"format": 1, "on": str(on), "problems": [_problem(problem) for problem in problems]})
    elif problems:
        rows = [[problem.level, problem.kind, problem.about, problem.says] for problem in problems]
        out(table(rows, ["level", "kind", "what", "found"]))
    say(f"{len(book.rates)} rows: {_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}")
    return BAD_PRICES if errors else 0


def _refresh(args: argparse.Namespace, on: date) -> int:
    from outgrow.adapters.clock import today
    from outgrow.adapters.files import write_atomic
    from outgrow.adapters.price_files import load_book
    from outgrow.catalog.pricebook import render_rates
    from outgrow.flows.price_book import refresh

    path = Path(args.out)
    _refuse_overwrite(path, force=args.force)
    refuse_overwriting([("--out", path)], price_files(args.prices))
    book = load_book([Path(name) for name in args.prices])
    found = refresh(book, _sources(args.provider), on=on, today=today())
    if found.candidates:
        write_atomic(path, render_rates(found.candidates))
    _print_refresh(found, path, as_json=args.json)
    _talk(found, path)
    return 0


def _refuse_overwrite(path: Path, *, force: bool) -> None:
    from outgrow.domain.errors import RecordError

    if path.is_dir() or (path.exists() and not force):
        kind = "is a folder" if path.is_dir() else "exists already"
        raise RecordError(f"{path}: {kind}; nobody was asked", hint="name another file with --out, or add --force")


def _sources(asked: list[str]) -> list[RateSource]:
    from outgrow.adapters import runpod_catalog
    from outgrow.adapters.aws_price_list import AwsPriceList

    makers: dict[str, Callable[[], RateSource]] = {
        "aws": lambda: AwsPriceList(progress=say),
        "runpod": runpod_catalog.from_environment,
    }
    return [makers[provider]() for provider in PROVIDERS if provider in (asked or PROVIDERS)]


def _print_refresh(found: Refresh, path: Path, *, as_json: bool) -> None:
    moved = [change for change in found.changes if not change.confirmed]
    if as_json:
        print_json(
            {
                "format": 1,
                "changes": [_change_data(change) for change in moved],
                "confirmed": len(found.changes) - len(moved),
                "notes": list(found.notes),
                "failures": [failure.message for failure in found.failures],
                "file": str(path) if found.candidates else None,
            }
        )
    elif moved:
        header = ["sku", "region", "from", "per", "old", "new", "change"]
        out(table([_change(change) for change in moved], header, right={2, 4, 5, 6}))


def _talk(found: Refresh, path: Path) -> None:
    for note in found.notes:
        say(f"note: {note}")
    for failure in found.failures:
        say(f"warning: {failure.message}; its prices stay as they are")
        if failure.hint:
            say(f"hint: {failure.hint}")
    moved = sum(not change.confirmed for change in found.changes)
    say(f"{_count(moved, 'change')}, {len(found.changes) - moved} confirmed unchanged")
    if found.candidates:
        say(f"wrote {path}: review its rows, then append them to a price file or pass it with --prices")
    else:
        say("nothing to write")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _problem(problem: Problem) -> dict[str, str]:
    return {"level": problem.level, "kind": problem.kind, "about": problem.about, "says": problem.says}


def _row(rate: Rate) -> list[str]:
    values = (rate.sku, rate.region, rate.tier_from, rate.amount, rate.currency, rate.unit, rate.allowance)
    return [*(_text(value) for value in values), str(rate.as_of), rate.confidence]


def _history(rate: Rate) -> list[str]:
    values = (rate.region, rate.tier_from, rate.amount, rate.currency, rate.unit, rate.allowance, rate.increment)
    dates = (rate.valid_from, rate.valid_until, rate.withdrawn_on, rate.as_of)
    return [*(_text(value) for value in (*values, *dates)), rate.confidence]


def _change(change: Change) -> list[str]:
    new, old = change.new, change.old
    moved = f"{(new.amount / old.amount - 1) * 100:+.1f} %" if old else "new"
    before = _text(old.amount) if old else ""
    return [new.sku, new.region, _text(new.tier_from), new.unit, before, _text(new.amount), moved]


def _change_data(change: Change) -> dict[str, object]:
    return {"old": _data(change.old) if change.old else None, "new": _data(change.new)}


def _data(rate: Rate) -> dict[str, str | None]:
    """A row as JSON, decimals as text so that none is rounded."""
    from dataclasses import fields

    values = {field.name: getattr(rate, field.name) for field in fields(rate)}
    values["rate"] = values.pop("amount")
    return {name: None if value is None else _plain(value) for name, value in values.items()}


def _plain(value: object) -> str:
    from decimal import Decimal

    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _text(value: object) -> str:
    """A cell: what is absent, or a bound or allowance of zero, is left empty."""
    return "" if value is None or value == 0 else _plain(value)
