"""``outgrow init``: a first, commented spec."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.cli.terminal import print_json, say
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from outgrow.flows.init_spec import Start

NEEDS = ("websocket", "background-jobs")


def _number(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e9:
        raise ValueError(text)
    return value


QUESTIONS: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("name", "name of the service (a-z, 0-9, -)", str),
    ("region", "region its users and data are in", str),
    ("users", "people who use it on a day", _number),
    ("requests_per_day", "requests to the model on a day", _number),
    ("service_s", "seconds one of them takes on the GPU", _number),
    ("cold_start_s", "seconds until a stopped GPU worker answers", _number),
    ("gpu_gib", "GPU memory the model needs, in GiB", _number),
    ("data", "its data: sensitive, internal or public", str),
)


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``init``."""
    parser = verbs.add_parser(
        "init",
        help="write a commented service.yaml",
        description="Writes a commented service.yaml: asks on a terminal, takes flags or --example otherwise.",
        epilog="example: outgrow init --example receipts my-service",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="DIR", nargs="?", default=".", help="where to write it (default: here)")
    parser.add_argument("--example", metavar="NAME", help="a shipped example: receipts, chat, imagetool")
    for field, text, kind in QUESTIONS:
        parser.add_argument(f"--{field.replace('_', '-')}", dest=field, type=kind, metavar="X", help=text)
    parser.add_argument("--need", choices=NEEDS, action="append", default=[], help="what it must do; repeatable")
    parser.add_argument("--force", action="store_true", help="replace a service.yaml that is there")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Writes the spec and says what to do next."""
    from outgrow.flows.init_spec import example_text, first_spec, write_spec

    text = example_text(arguments.example) if arguments.example else first_spec(_start(arguments))
    file = write_spec(text, Path(arguments.folder), force=arguments.force)
    if arguments.json:
        print_json({"format": 1, "wrote": str(file)})
    say(f"wrote {file}")
    say(f"hint: read it, change it, then: outgrow decide {file}")
    return 0


def _start(arguments: argparse.Namespace) -> Start:
    from outgrow.flows.init_spec import Start

    given = {field: value for field, _, _ in QUESTIONS if (value := getattr(arguments, field)) is not None}
    if not given and sys.stdin.isatty():
        given = _asked(Start())
    else:
        given["needs"] = tuple(dict.fromkeys(arguments.need))
    return Start(**given, given=frozenset(given))


def _asked(defaults: Start) -> dict[str, Any]:
    """One question at a time; an empty answer keeps what is offered."""
    answers: dict[str, Any] = {}
    for field, text, kind in QUESTIONS:
        offered = getattr(defaults, field)
        shown = f"{offered:g}" if isinstance(offered, float) else str(offered)
        answer = _answer(f"{text} [{shown}]: ", kind, None)
        if answer is not None:
            answers[field] = answer
    wanted = [need for need in NEEDS if _answer(f"does it need {need}? y/n [n]: ", _yes, offered=False)]
    return {**answers, "needs": tuple(wanted)}


def _yes(text: str) -> bool:
    if text.lower() not in {"y", "yes", "n", "no"}:
        raise ValueError(text)
    return text.lower().startswith("y")


def _answer(prompt: str, kind: Callable[[str], Any], offered: Any) -> Any:
    for _ in range(5):
        sys.stderr.write(prompt)
        sys.stderr.flush()
        text = sys.stdin.readline()
        if not text:
            raise SpecError("init: the questions ended before the answers", hint="use flags: outgrow init --help")
        if not text.strip():
            return offered
        try:
            return kind(text.strip())
        except ValueError:
            say(f"  {text.strip()!r} does not do here")
    raise SpecError("init: five answers in a row did not do", hint="use flags: outgrow init --help")
