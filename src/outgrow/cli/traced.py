"""Arguments about traces that several verbs share, and what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.cli.terminal import say
from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    import argparse

    from outgrow.adapters.traces.collect import ReadOptions
    from outgrow.fit.process import Speeds
    from outgrow.flows.question import Opened


def add_reading(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """How a trace is read."""
    parser.add_argument("--format", metavar="F", help="read the trace as this instead of by its content")
    parser.add_argument(
        "--column", metavar="KIND=NAME", action="append", default=[], help="a column by name, e.g. service_ms=took"
    )
    parser.add_argument("--timezone", metavar="Z", help="whose day it is, e.g. Asia/Seoul (default: the stamps' own)")
    parser.add_argument("--input-tokens-per-s", metavar="X", help="reading speed, where only tokens are known")
    parser.add_argument("--output-tokens-per-s", metavar="Y", help="writing speed, where only tokens are known")
    parser.add_argument("--skip-bad", action="store_true", help="leave out lines that cannot be used, and count them")
    parser.add_argument("--drop-duplicates", action="store_true", help="leave out rows that repeat another exactly")


def first_reading(arguments: argparse.Namespace) -> str | None:
    """The first argument given that says how a trace is read."""
    names = ("format", "column", "timezone", "input_tokens_per_s", "output_tokens_per_s", "skip_bad", "drop_duplicates")
    given = next((name for name in names if getattr(arguments, name) not in (None, False, [])), None)
    return None if given is None else f"--{given.replace('_', '-')}"


def reading(arguments: argparse.Namespace) -> ReadOptions:
    """How the trace is to be read."""
    from outgrow.adapters.traces.collect import ReadOptions

    return ReadOptions(
        format=arguments.format,
        columns=tuple(arguments.column),
        timezone=arguments.timezone,
        skip_bad=arguments.skip_bad,
        drop_duplicates=arguments.drop_duplicates,
    )


def speeds(arguments: argparse.Namespace) -> Speeds:
    """Tokens a second. Raises `TraceError` for a speed that is none."""
    from outgrow.fit.process import Speeds

    return Speeds(
        input_per_s=_speed("--input-tokens-per-s", arguments.input_tokens_per_s),
        output_per_s=_speed("--output-tokens-per-s", arguments.output_tokens_per_s),
    )


def _speed(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e9:
        raise TraceError(f"{name}: found {text!r}; expected tokens a second, above 0 up to 1e9")
    return value


def show_notes(opened: Opened) -> None:
    """What a reader should know of how the measured files were read."""
    if opened.measured:
        from outgrow.flows.measured import said

        for note in said(opened.measured):
            say(f"note: {note}")
