"""What speed costs: the cheapest setting that meets everything, what a faster one costs more, and what it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.record import numbers
from outgrow.record.blocks import (
    Block,
    Bullets,
    Column,
    Inline,
    Paragraph,
    Plot,
    Row,
    Section,
    Span,
    Table,
    strong,
    text,
)
from outgrow.record.front import Seen, seen, tuned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outgrow.record.front import Point
    from outgrow.record.view import View


def speed(view: View) -> Section | None:
    """Every setting with its bill and its times: a plot, sentences, the front as a table, the rest folded."""
    found = seen(view)
    if found is None:
        return None
    blocks: list[Block] = [
        Paragraph(spans=text(view.label("speed.intro", count=str(len(found.points))))),
        Bullets(items=tuple(sentences(view, found))),
        Plot(name="speed"),
        _table(view, found, found.front, view.label("speed.front"), None),
    ]
    if found.others:
        count = str(len(found.others))
        blocks.append(_table(view, found, found.others, "", view.label("speed.others", count=count)))
    return Section(anchor="speed", title=view.label("section.speed"), blocks=tuple(blocks))


def sentences(view: View, found: Seen) -> Iterator[Inline]:
    """What to take from the plot."""
    base = found.cheapest
    if base is None:
        yield strong(view.label("speed.none"))
        return
    yield strong(cheapest_sentence(view, found))
    chosen = found.chosen
    if chosen is not None and chosen is not base:
        more = view.usd(chosen["monthly_usd"] - base["monthly_usd"])
        yield text(view.label("speed.chosen", more=more, **_told(view, found, chosen)))
    if (faster := found.faster("p50_s")) is not None:
        yield text(_more(view, found, "p50", faster))
    if (faster := found.faster("p95_s")) is not None:
        yield text(_more(view, found, "p95", faster))
    elif (beyond := found.faster("p95_s", within=False)) is not None:
        told = _told(view, found, beyond)
        yield text(view.label("speed.p95-beyond", base=view.seconds(base["p95_s"]), broke=_broke(view, beyond), **told))
    else:
        yield text(view.label("speed.p95-none", base=view.seconds(base["p95_s"])))


def cheapest_sentence(view: View, found: Seen) -> str:
    """The cheapest setting that meets the target, if there is one, and keeps every other constraint."""
    assert found.cheapest is not None
    told = _told(view, found, found.cheapest)
    if found.target_s is None:
        return view.label("speed.cheapest", **told)
    return view.label("speed.cheapest-target", target=view.seconds(found.target_s), **told)


def _more(view: View, found: Seen, name: str, faster: Point) -> str:
    base = found.cheapest
    assert base is not None
    return view.label(
        f"speed.{name}",
        base=view.seconds(base[f"{name}_s"]),
        more=view.usd(faster["monthly_usd"] - base["monthly_usd"]),
        **_told(view, found, faster),
    )


def _told(view: View, found: Seen, point: Point) -> dict[str, str]:
    """A point in words."""
    settings = tuned(view, point, found.points)
    return {
        "option": view.option(point["option"]) + (f" ({settings})" if settings else ""),
        "monthly": view.usd(point["monthly_usd"]),
        "p50": view.answered(point["p50_s"]),
        "p95": view.answered(point["p95_s"]),
    }


def _broke(view: View, point: Point) -> str:
    return ", ".join(view.term(name) for name in point["broke"]) or numbers.NOTHING


def _table(view: View, found: Seen, points: Sequence[Point], title: str, folded: str | None) -> Table:
    """Amounts first: a narrow page shows these before it scrolls."""
    numbered = folded is None
    names = ("monthly", "p50", "p95", "option", "settings", "cold", "breaks")
    numeric = {"number", "monthly", "p50", "p95", "cold"}
    columns = tuple(
        Column(title=view.label(f"col.{name}"), numeric=name in numeric, wide=name == "settings")
        for name in (("number", *names) if numbered else names)
    )
    rows = []
    for point in points:
        number: tuple[Inline, ...] = (text(str(found.number(point))),) if numbered else ()
        rows.append(Row(cells=(*number, *_cells(view, found, point)), tone=_tone(found, point)))
    return Table(columns=columns, rows=tuple(rows), title=title, folded=folded)


def _tone(found: Seen, point: Point) -> str:
    return "chosen" if point in (found.chosen, found.cheapest) else ""


def _cells(view: View, found: Seen, point: Point) -> Iterator[Inline]:
    yield text(view.usd(point["monthly_usd"]))
    yield text(view.answered(point["p50_s"]))
    yield text(view.answered(point["p95_s"]))
    yield text(view.option(point["option"]))
    marks = [
        view.label(f"mark.{name}")
        for name, marked in (("chosen", found.chosen), ("cheapest", found.cheapest))
        if point is marked
    ]
    settings = text(tuned(view, point, found.points) or numbers.NOTHING)
    yield (*settings, *((Span(" "), *strong(", ".join(marks))) if marks else ()))
    yield text(view.percent(point["cold_share"]))
    yield strong(_broke(view, point)) if point["broke"] else text(numbers.NOTHING)
