"""Arguments that several verbs share, and what they mean."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    import argparse

    from outgrow.flows.question import Asked


DAY_HELP = "the day whose prices count (default: the spec's)"
CLUSTER_HELP = f"{DAY_HELP}; or the Dask cluster to play on, dask://HOST:PORT; repeatable, for one of each"


def add_shared(parser: argparse.ArgumentParser, *, cluster: bool = False) -> None:
    """How prices and the workload are looked at; of a verb that plays on a ``cluster`` ``--on`` names one, too."""
    parser.add_argument(
        "--prices",
        metavar="FILE",
        type=a_file,
        action="append",
        default=[],
        help="price file on top of the shipped ones; repeatable",
    )
    parser.set_defaults(cluster=cluster)
    parser.add_argument(
        "--on",
        metavar="DATE|CLUSTER" if cluster else "DATE",
        action="append",
        default=[],
        help=CLUSTER_HELP if cluster else DAY_HELP,
    )
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], help="move one number, e.g. users.daily_active=500"
    )
    parser.add_argument(
        "--allow-stale", action="store_true", help="rank on prices that nobody confirmed for over a year"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def asked(arguments: argparse.Namespace, region: str | None = None) -> Asked:
    """The shared arguments as values. Raises `SpecError` for a day or a number that is none."""
    from outgrow.flows.question import Asked

    return Asked(
        overlays=tuple(Path(name) for name in arguments.prices),
        region=region,
        on=day(next((text for text in reversed(arguments.on) if not _is_place(arguments, text)), None)),
        moved=dict(_pair(text) for text in arguments.set),
        allow_stale=arguments.allow_stale,
    )


def a_file(text: str) -> str:
    """The name of a file or folder, as argparse takes it; nothing is none."""
    if not text:
        raise ArgumentTypeError("found ''; allowed is the name of a file")
    return text


def where(arguments: argparse.Namespace) -> str | None:
    """The cluster of ``--on``, which also takes a day: what has a scheme is a place."""
    places = [text for text in arguments.on if _is_place(arguments, text)]
    return places[-1] if places else None


def _is_place(arguments: argparse.Namespace, text: str) -> bool:
    return bool(arguments.cluster) and "://" in text


def day(text: str | None) -> date | None:
    """A date of the command line."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SpecError(f"--on: found {text!r}; expected a date such as 2026-11-23") from None


def _pair(text: str) -> tuple[str, float]:
    path, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not equals or not path or not 0 <= number <= 1e12:
        raise SpecError(
            f"--set: found {text!r}; expected PATH=NUMBER of zero or more", hint="--set users.daily_active=500"
        )
    return path, number
