"""docs/background.md says what its script finds, and what the commands on it print."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from outgrow.adapters.spread import on_cores
from outgrow.flows.question import Asked, open_spec
from outgrow.flows.study import plan_study, run_study
from outgrow.sim.compiled import engine

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
NEAR = 0.02
"""Another C library's last bits may move a figure by the last digit that is shown, and a count by one."""


@pytest.fixture
def script(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("background")


def assert_says(found: str, made: str) -> None:
    """The same words, and numbers that are near."""
    assert NUMBER.sub("#", found) == NUMBER.sub("#", made)
    for one, other in zip(NUMBER.findall(found), NUMBER.findall(made), strict=True):
        decimals = len(one.partition(".")[2])
        values = [float(text.replace(",", "")) for text in (one, other)]
        assert values[0] == pytest.approx(values[1], rel=NEAR, abs=1.01 * 10**-decimals), (one, other)


def words_of(svg: str) -> str:
    """What a reader sees in words, a text a line; an error where it is no XML."""
    return "\n".join(text.text or "" for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))  # noqa: S314


@pytest.mark.skipif(engine() == "plain", reason="minutes without the compiled kernel, which is not built here")
def test_the_page_and_its_plots_are_what_the_script_makes(script):
    made = script.background()
    assert {f"background/{path.name}" for path in (DOCS / "background").iterdir()} == made.keys() - {"background.md"}
    assert_says((DOCS / "background.md").read_text(), made["background.md"])
    for name in made.keys() - {"background.md"}:
        assert_says(words_of((DOCS / name).read_text()), words_of(made[name]))


def row_of_ten() -> str:
    (found,) = [line for line in (DOCS / "background.md").read_text().splitlines() if line.startswith("| 10 |")]
    return found


def test_what_is_quickly_played_is_on_the_page(script):
    example = script.receipts.open_example()
    assert_says(row_of_ten(), script._months_row(example.bills(script.receipts.IDLE_S, 10)))
    scene = script.plots.scene_plot(script.runs.scene(example))
    assert_says(words_of((DOCS / "background" / "scene.svg").read_text()), words_of(scene))


def test_the_first_command_of_the_page_prints_the_bills_of_its_months(script):
    receipts = script.receipts
    study = plan_study(
        open_spec(receipts.SPEC, Asked(moved=receipts.MOVED)),
        only=[receipts.OPTION],
        settings={"idle_timeout_s": receipts.IDLE_S},
        replications=10,
    )
    (option,) = run_study(study, on_cores(threads=True, cores=1))["options"]
    bill = option["bill_usd"]
    assert_says(row_of_ten().rpartition("| $")[2], f"{bill['low']:.2f} to ${bill['high']:.2f} |")
