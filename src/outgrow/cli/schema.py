"""``outgrow schema``: the JSON Schema of a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.cli.terminal import print_json

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``schema`` takes nothing."""
    verbs.add_parser(
        "schema",
        help="print the JSON Schema of a spec, for editors",
        description="Prints the JSON Schema of service.yaml, so that an editor completes and checks it.",
        epilog="example: outgrow schema > service.schema.json",
        allow_abbrev=False,
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the schema."""
    from outgrow.adapters.spec_file import json_schema

    print_json(json_schema())
    return 0
