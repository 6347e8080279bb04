"""Writes a first ``service.yaml``: a shipped example, or a commented one with a few numbers filled in."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from outgrow.adapters.files import write_atomic
from outgrow.adapters.spec_file import FILE_NAME, parse_spec
from outgrow.domain.errors import SpecError
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable
    from pathlib import Path

PACKAGE = files("outgrow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The few numbers a first spec is made from, and which of them somebody gave; the rest are guesses, and say so."""

    name: str = "my-service"
    region: str = "us-east-1"
    users: float = 50
    task: str = "model"
    requests_per_day: float = 100
    service_s: float = 3
    cold_start_s: float = 60
    gpu_gib: float = 24
    data: str = "internal"
    needs: tuple[str, ...] = ()
    given: frozenset[str] = frozenset()

    def source(self, field: str) -> str:
        """A number somebody gave is stated, one that was left as offered is a guess."""
        return "stated" if field in self.given else "guessed"


def example_names() -> tuple[str, ...]:
    """The shipped examples."""
    return tuple(sorted(entry.name for entry in _examples().iterdir() if entry.joinpath(FILE_NAME).is_file()))


def example_text(name: str) -> str:
    """The spec of a shipped example. Raises `SpecError` for a name there is none of."""
    if name not in example_names():
        raise SpecError(
            f"--example: unknown example {name!r}{did_you_mean(name, example_names())}",
            hint=f"examples: {', '.join(example_names())}",
        )
    return _examples().joinpath(name, FILE_NAME).read_text(encoding="utf-8")


def _examples() -> Traversable:
    """Inside the installed package; beside the source in a checkout that is installed in place."""
    inside = PACKAGE.joinpath("examples")
    return inside if inside.is_dir() else PACKAGE.joinpath("..", "..", "examples")


def first_spec(start: Start) -> str:
    """A commented spec. Raises `SpecError` when one of the numbers does not do."""
    template = Template(PACKAGE.joinpath("flows", "service.yaml.template").read_text(encoding="utf-8"))
    text = template.substitute(
        name=start.name,
        region=start.region,
        users=f"{start.users:g}",
        task=start.task,
        requests=f"{start.requests_per_day:g}",
        service_s=f"{start.service_s:g}",
        cold_low=f"{start.cold_start_s / 2:g}",
        cold_mid=f"{start.cold_start_s:g}",
        cold_high=f"{start.cold_start_s * 2:g}",
        gpu_gib=f"{start.gpu_gib:g}",
        data=start.data,
        needs=", ".join(start.needs),
        users_source=start.source("users"),
        requests_source=start.source("requests_per_day"),
        service_source=start.source("service_s"),
    )
    parse_spec(text)
    return text


def write_spec(text: str, folder: Path, *, force: bool) -> Path:
    """Writes ``service.yaml`` into a folder; one that is there already is kept unless ``force``."""
    file = folder if folder.suffix in {".yaml", ".yml"} else folder / FILE_NAME
    if file.exists() and not force:
        raise SpecError(f"{file}: exists already", hint="--force replaces it, or name another folder")
    write_atomic(file, text)
    return file
