"""The command ``outgrow``: arguments, and errors turned into messages and exit codes.

Only the verb that runs is imported, so that ``--help`` costs nothing but this file and argparse.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from outgrow import __version__
from outgrow.cli.codes import BAD_INPUT, BAD_PRICES, BUG, INTERRUPTED, NO_NETWORK, OK
from outgrow.domain import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_CODES = (
    "exit codes: 0 done, every claim holds; 1 a claim no longer holds; 2 bad input, nothing written; 3 a price is"
    " missing or too old; 4 no option meets the constraints; 5 a provider cannot be reached, nothing changed;"
    " 6 the record is to review; 130 interrupted"
)

EXIT_OF: tuple[tuple[type[errors.OutgrowError], int], ...] = (
    (errors.StalePriceError, BAD_PRICES),
    (errors.PriceError, BAD_PRICES),
    (errors.NetworkError, NO_NETWORK),
    (errors.OutgrowError, BAD_INPUT),
)

VERBS = ("price", "decide", "simulate", "check", "init", "fit", "prices", "schema", "backup", "restore", "migrate")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, with where to look."""

    def error(self, message: str) -> NoReturn:
        """One message, exit code 2."""
        sys.stderr.write(f"error: {message}\nhint: {self.prog} --help\n")
        raise SystemExit(BAD_INPUT)


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the verb that ``argv`` names brings its own arguments along."""
    parser = Parser(
        prog="outgrow",
        description="Decide which infrastructure a small AI service should run on, and see the next move coming.",
        epilog=EXIT_CODES,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"outgrow {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    named = next((word for word in argv if not word.startswith("-")), None)
    if named is not None and named not in VERBS:
        from outgrow.domain.suggest import did_you_mean

        parser.error(f"unknown verb {named!r}{did_you_mean(named, VERBS)}; verbs: {', '.join(VERBS)}")
    for verb in VERBS:
        if verb == named:
            importlib.import_module(f"outgrow.cli.{verb}").add_parser(verbs)
        else:
            verbs.add_parser(verb, help=HELP[verb])
    return parser


HELP = {
    "price": "price every option by line",
    "decide": "decide, and write the record",
    "simulate": "play options over many drawn months",
    "check": "say whether a record still holds",
    "init": "write a commented service.yaml",
    "fit": "measure arrivals and service times from a trace",
    "prices": "list, show, check or refresh the prices",
    "schema": "print the JSON Schema of a spec, for editors",
    "backup": "write a backup, proven by restoring it",
    "restore": "fill an empty database from a backup",
    "migrate": "bring a database to this version",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb and returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _write_anything()
    try:
        parser = build_parser(words)
        arguments = parser.parse_args(words)
        if arguments.verb is None:
            parser.print_help()
            return OK
        code: int = importlib.import_module(f"outgrow.cli.{arguments.verb}").run(arguments)
        sys.stdout.flush()
    except errors.OutgrowError as problem:
        return _told(problem, as_json="--json" in words)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was left half-written\n")
        return INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return OK
    except OSError as problem:
        _silence_stdout()
        sys.stderr.write(f"error: the output cannot be written: {problem.strerror or problem}\n")
        return BAD_INPUT
    except Exception as problem:  # noqa: BLE001 - the last door: a bug is told in one line, with a way to see more
        return _bug(problem)
    return code


def _told(problem: errors.OutgrowError, *, as_json: bool) -> int:
    code = next(code for kind, code in EXIT_OF if isinstance(problem, kind))
    if as_json:
        from outgrow.cli.terminal import print_json

        told = {"message": problem.message, "hint": problem.hint, "exit_code": code}
        print_json({"format": 1, "error": told})
    sys.stderr.write(f"error: {problem.message}\n")
    if problem.hint:
        sys.stderr.write(f"hint: {problem.hint}\n")
    return code


def _write_anything() -> None:
    """A terminal that knows no Korean shows escapes instead of stopping the program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """The reader left (``| head``): nothing more can be said there, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bug(problem: Exception) -> int:
    if os.environ.get("OUTGROW_DEBUG"):
        raise problem
    sys.stderr.write(f"error: outgrow itself failed: {type(problem).__name__}: {problem}\n")
    sys.stderr.write("hint: this is a bug; run again with OUTGROW_DEBUG=1 and report what it prints\n")
    return BUG
