"""Documents say what is true."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from outgrow.catalog.options import all_options
from outgrow.cli.main import EXIT_CODES

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_spec_keys_is_made_from_the_schema():
    made = runpy.run_path(str(ROOT / "scripts" / "spec_doc.py"))["spec_doc"]()
    assert (ROOT / "docs" / "spec.md").read_text() == made


def test_the_page_of_gateway_keys_is_made_from_the_schema():
    made = runpy.run_path(str(ROOT / "scripts" / "spec_doc.py"))["gateway_doc"]()
    assert (ROOT / "docs" / "gateway.md").read_text() == made


def test_the_readme_names_every_option():
    readme = (ROOT / "README.md").read_text()
    assert [option.id for option in all_options() if f"`{option.id}`" not in readme] == []


def test_the_readme_and_the_help_give_the_same_exit_codes():
    readme = (ROOT / "README.md").read_text()
    for code in re.findall(r"(?:^|[;:] )(\d+) ", EXIT_CODES):
        assert re.search(rf"^\| {code}\b|, {code} \|", readme, re.MULTILINE), code


def test_every_link_of_the_documents_leads_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_changelog_counts_the_options():
    words = {14: "Fourteen", 15: "Fifteen", 16: "Sixteen"}
    assert f"{words[len(all_options())]} options" in (ROOT / "CHANGELOG.md").read_text()
