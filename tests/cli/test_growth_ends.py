"""Growth at the ends of what a spec may say is decided, not a failure of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outgrow.cli.main import main

IMAGETOOL = Path(__file__).parents[2] / "examples" / "imagetool" / "service.yaml"


@pytest.mark.parametrize("growth", ["-1", "10"])
def test_nobody_left_and_more_than_there_are_people_are_decided(growth: str, tmp_path: Path) -> None:
    text = re.sub(r"growth_per_month_frac: .*", f"growth_per_month_frac: {growth}", IMAGETOOL.read_text())
    spec = tmp_path / "service.yaml"
    spec.write_text(f"{text}\ngrowth: {{months: 120}}\n")
    assert main(("decide", str(spec), "--out", str(tmp_path / "decision"))) == 0
    assert (tmp_path / "decision" / "decision.html").exists()
