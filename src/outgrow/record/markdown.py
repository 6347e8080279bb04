"""The record as Markdown in the shape of MADR, outcome first. Plots are left to the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from outgrow.record.blocks import Bullets, Command, Inline, Paragraph, Plot, Section, Span, Style, Table
from outgrow.record.outline import sections
from outgrow.record.view import View, neighbour_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.record.blocks import Block
    from outgrow.record.words import Words

SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
"""What Markdown would read as markup; ``<``, ``>`` and ``&`` become entities."""

LINE_START = re.compile(r"^([-+>=]|\d+[.)])(?=\s|$)")


def render_markdown(data: Mapping[str, Any], words: Words) -> str:
    """The whole record. Same data and words, same bytes."""
    view = View(data, words)
    parts = [_front_matter(data["record"]), f"# {_escaped(view.title())}"]
    parts += [_section(section) for section in sections(view)]
    return "\n\n".join(parts) + "\n"


def _front_matter(record: Mapping[str, Any]) -> str:
    """JSON strings are YAML strings, so that no value can end the block or start another key."""
    fields = {name: record[name] for name in ("status", "date", "id", "service")}
    for name in ("supersedes", "superseded_by"):
        fields[name.replace("_", "-")] = neighbour_id(record[name]) if record[name] else None
    if record["superseded_by"]:
        fields["status"] = "superseded"
    lines = [
        f"{name}: {json.dumps(value, ensure_ascii=False)}".replace("<", "\\u003c") for name, value in fields.items()
    ]
    return "\n".join(("---", *lines, "---"))


def _section(section: Section) -> str:
    parts = [f"## {_escaped(section.title)}"]
    parts += [made for block in section.blocks if (made := _block(block))]
    return "\n\n".join(parts)


def _block(block: Block) -> str:
    match block:
        case Paragraph(spans=spans):
            return _inline(spans)
        case Bullets(items=items, title=title):
            listed = "\n".join(f"- {_inline(item)}" for item in items)
            return f"### {_escaped(title)}\n\n{listed}" if title else listed
        case Command(line=line):
            return _fenced(line)
        case Table():
            return _table(block)
        case Plot():
            return ""


def _table(table: Table) -> str:
    title = table.title or table.folded or ""
    heading = f"### {_escaped(title)}\n\n" if title else ""
    lines = [
        _row(_escaped(column.title) for column in table.columns),
        _row("---:" if column.numeric else "---" for column in table.columns),
        *(_row(_inline(cell) for cell in row.cells) for row in table.rows),
    ]
    return heading + "\n".join(lines)


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _inline(spans: Inline) -> str:
    return "".join(_span(span) for span in spans)


def _span(span: Span) -> str:
    if not span.text.strip():
        return span.text
    if span.style is Style.CODE:
        return _code(span.text)
    shown = _escaped(span.text)
    if span.style is Style.STRONG:
        shown = f"**{shown.strip()}**"
    if span.href and span.href.startswith("record:"):
        return f"[{shown}]({span.href.removeprefix('record:')}.md)"
    return shown


def _escaped(words: str) -> str:
    """Text that stays text: on one line, no markup, no HTML, no table cell too many."""
    flat = " ".join(words.split()) if "\n" in words or "\r" in words else words
    flat = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    flat = SPECIAL.sub(r"\\\1", flat)
    return LINE_START.sub(
        lambda found: (
            "\\" + found.group(1) if len(found.group(1)) == 1 else found.group(1)[:-1] + "\\" + found.group(1)[-1]
        ),
        flat,
    )


def _code(words: str) -> str:
    """A code span where the text allows one; otherwise it is escaped like any text."""
    return _escaped(words) if re.search(r"[`|<>&\s]", words) else f"`{words}`"


def _fenced(line: str) -> str:
    """A shell block whose fence is longer than any run of backticks inside."""
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sh\n{line}\n{fence}"
