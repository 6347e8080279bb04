"""What a person at the terminal is told of speed and growth: a few lines, with the ids of the options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.front import seen, tuned
from outgrow.record.outline_growth import binds, cautions, staying_sentence, when

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from outgrow.record.view import View


def speed_line(view: View) -> str | None:
    """The cheapest setting that meets everything; ``None`` where no settings were tried."""
    found = seen(view)
    if found is None:
        return None
    if found.cheapest is None:
        return view.label("short.speed-none")
    point = found.cheapest
    settings = tuned(view, point, found.points)
    return view.label(
        "short.speed",
        option=point["option"] + (f" ({settings})" if settings else ""),
        monthly=view.usd(point["monthly_usd"]),
        p50=view.answered(point["p50_s"]),
        p95=view.answered(point["p95_s"]),
    )


def growth_lines(view: View) -> Iterator[str]:
    """What to run now with the total, the moves ahead, what staying costs, what the plan cannot do."""
    plan = view.data.get("growth")
    if not plan:
        return
    now = " + ".join(option for option in plan["now"].values() if option)
    total = view.usd(plan["total_usd"]["median"]) if plan["total_usd"] else ""
    carried, paths = str(plan["carried_paths"]), str(plan["paths"])
    name = "short.growth" if carried == paths else "short.growth-partly" if total else "short.growth-none"
    yield view.label(name, options=now, months=str(plan["months"]), total=total, carried=carried, paths=paths)
    for move in plan["moves"]:
        yield f"  {_move(view, move)}"
    if plan["moves"] and total:
        yield f"  {staying_sentence(view, plan)}"
    for said in cautions(view, plan):
        yield f"  {said}"


def _move(view: View, move: Mapping[str, Any]) -> str:
    return view.label(
        "short.move",
        users=numbers.users(move["at_users"]),
        when=when(view, move["month"]),
        before=move["from"],
        after=move["to"],
        binds=binds(view, move["binds"]),
    )
