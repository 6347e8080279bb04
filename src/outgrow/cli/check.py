"""``outgrow check``: does a record still hold?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.asked import a_file, add_shared, asked
from outgrow.cli.codes import CLAIM_BROKEN, OK, TO_REVIEW
from outgrow.cli.terminal import money, out, print_json, say, table

if TYPE_CHECKING:
    import argparse

EXIT_OF_STATUS = {"holds": OK, "broken": CLAIM_BROKEN, "to-review": TO_REVIEW}


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``check``."""
    parser = verbs.add_parser(
        "check",
        help="say whether a record still holds",
        description="Re-runs the claims of a record, or of a spec, with today's prices.",
        epilog="example: outgrow check decision/decision.json --spec service.yaml",
        allow_abbrev=False,
    )
    parser.add_argument(
        "target", metavar="RECORD|SPEC", help="a decision.json or its folder, or a service.yaml or its folder"
    )
    parser.add_argument("--spec", type=a_file, metavar="SPEC", help="the changed spec to hold the record against")
    parser.add_argument("--mark", action="store_true", help="write `to review` into a record that is")
    add_shared(parser)


def run(arguments: argparse.Namespace) -> int:
    """Checks and prints; exit code 0 holds, 1 a claim broken, 6 to review."""
    from outgrow.flows.check_record import check_record, check_spec

    target = Path(arguments.target)
    if not _is_record(target):
        result = check_spec(target, asked(arguments))
    else:
        from outgrow.flows.write_record import mark_to_review, read_record

        record = read_record(target)
        changed = Path(arguments.spec) if arguments.spec else None
        folder = target if target.is_dir() else target.parent
        result = check_record(record, asked(arguments), changed, folder)
        if arguments.mark and result["status"] != "holds":
            mark_to_review(record, target, result)
    if arguments.json:
        print_json(result)
    else:
        _show(result)
    return EXIT_OF_STATUS[result["status"]]


def _is_record(target: Path) -> bool:
    return target.suffix == ".json" or (target.is_dir() and (target / "decision.json").exists())


def _show(result: dict[str, Any]) -> None:
    out(f"{result['record'] or result['service']}: {result['status'].replace('-', ' ')} on {result['on']}")
    if result["superseded_by"]:
        out(f"  superseded by {result['superseded_by']['id']} ({result['superseded_by']['path']})")
    for claim in result["claims"]:
        verdict = "holds " if claim["holds"] else "BROKEN"
        out(f"  {verdict} {claim['id']}: expected {claim['expected']}; found {claim['found']}")
    for change in result["changed_choices"]:
        out(f"  choice of {change['question']}: was {change['was'] or 'none'}, is {change['now'] or 'none'}")
    if result["changed_files"]:
        out(f"  changed since: {', '.join(result['changed_files'])}")
    if result["changed_prices"]:
        rows = [
            [
                row["sku"],
                row["region"],
                f"{row['was_usd']:.6g}",
                "gone" if row["now_usd"] is None else f"{row['now_usd']:.6g}",
            ]
            for row in result["changed_prices"]
        ]
        out(table(rows, ("changed price", "region", "was", "is"), right={2, 3}))
    moved = [
        bill
        for bill in result["bills"]
        if bill["was_usd"] is not None and abs(bill["was_usd"] - bill["now_usd"]) > 0.005
    ]
    for bill in moved:
        out(f"  bill of {bill['option']}: was {money(bill['was_usd'])}, is {money(bill['now_usd'])}")
    if result["status"] != "holds":
        say("hint: outgrow decide SPEC --out DIR writes the record that supersedes this one")
