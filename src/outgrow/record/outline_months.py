"""What drawn months bring each option, and what the usual assumption about arrivals would have said instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.blocks import Block, Column, Inline, Paragraph, Row, Table, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from outgrow.record.view import View

NOTICEABLE_FRAC = 0.02
"""Amounts and times that differ by less are called the same."""

NOTICEABLE_SHARE = 0.01
"""Shares that differ by less than a point are called the same."""

MUCH_FRAC = 0.1
"""A bill missed by this much is worth a sentence even for an option that was not chosen."""

UNANSWERED = ("rejected", "timed_out", "abandoned", "failed", "unfinished")
TIMES = ("p50_s", "p95_s", "p99_s")
SHARES = ("cold_share", "delayed_share", "utilisation_frac")
"""What is a share of the requests, or of the workers' time."""


def studied(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Candidates whose months were kept; records made before there were months have none."""
    return [candidate for candidate in answer["candidates"] if candidate.get("study")]


def months(view: View, answer: Mapping[str, Any], name_of: Mapping[str, Inline]) -> list[Block]:
    """The months as a table, folded where they are all alike; behind a fold what workers and requests went through."""
    found = studied(answer)
    if not found:
        return []
    count = str(found[0]["study"]["months"])
    still = not any(_moves(one["study"]) for one in found)
    names = ["option", "bill", "p50", "p95", "p99", "kept"]
    names += ["broke"] if any(one["study"]["broke"] for one in found) else []
    title = view.label("months.title", months=count)
    made = Table(
        columns=_columns(view, names),
        rows=tuple(_row(view, one, answer, name_of, names[1:]) for one in found),
        title=title,
        folded=title if still else None,
    )
    if still:
        return [made]
    said = Paragraph(spans=text(view.label("months.how", months=count)), tone="note")
    names = ["option", *(name for name in SHARES if any(_middle(one, name) for one in found))]
    names += ["endings"] if any(_endings(view, one["study"]["endings"]) for one in found) else []
    if len(names) == 1:
        return [made, said]
    rows = tuple(_row(view, one, answer, name_of, names[1:]) for one in found)
    folded = view.label("months.workers", months=count)
    return [made, said, Table(columns=_columns(view, names), rows=rows, folded=folded)]


def _columns(view: View, names: Sequence[str]) -> tuple[Column, ...]:
    words = {"option", "endings", "broke"}
    return tuple(Column(title=view.label(f"col.{name}"), numeric=name not in words) for name in names)


def _row(
    view: View,
    candidate: Mapping[str, Any],
    answer: Mapping[str, Any],
    name_of: Mapping[str, Inline],
    names: Sequence[str],
) -> Row:
    option = candidate["option"]
    cells = (text(_cell(view, candidate["study"], name)) for name in names)
    return Row(cells=(name_of[option], *cells), tone="chosen" if option == answer["chosen"] else "")


def _moves(study: Mapping[str, Any]) -> bool:
    """Does any month differ from another, or break a constraint?"""
    bill = study["bill_usd"]
    return bool(bill["low"] != bill["high"] or study["broke"])


def _middle(candidate: Mapping[str, Any], name: str) -> float | None:
    spread = candidate["study"][name]
    return None if spread is None else spread["median"]


def _cell(view: View, study: Mapping[str, Any], name: str) -> str:
    """What the months brought an option, under one heading."""
    if name == "kept":
        return view.percent(study["kept_share"])
    if name == "endings":
        return _endings(view, study["endings"]) or numbers.NOTHING
    if name == "broke":
        worst = study["broke"][0] if study["broke"] else None
        return f"{view.term(worst['constraint'])} ({view.percent(worst['share'])})" if worst else numbers.NOTHING
    if name in SHARES:
        return view.percent(study[name] and study[name]["median"])
    spread = study["bill_usd" if name == "bill" else f"{name}_s"]
    if spread is None:
        return numbers.NOTHING
    shown = view.usd if name == "bill" else view.answered
    middle, ends = shown(spread["median"]), numbers.spread(shown(spread["low"]), shown(spread["high"]))
    return f"{middle} ({ends})" if name in {"bill", "p95"} and ends != middle else middle


def _endings(view: View, endings: Mapping[str, float] | None) -> str:
    """How requests ended that were not answered, each with its share."""
    shares = [(name, share) for name in UNANSWERED if (share := endings.get(name, 0.0)) > 0] if endings else []
    return ", ".join(f"{view.label(f'ending.{name}')} {view.share(value)}" for name, value in shares)


def poisson(view: View, answer: Mapping[str, Any], name_of: Mapping[str, Inline]) -> list[Block]:
    """What requests that come one by one would have been predicted to do: in sentences, and as a table."""
    found = [candidate for candidate in answer["candidates"] if candidate.get("as_poisson")]
    if not found:
        return []
    said = " ".join(_sentences(view, answer, found))
    columns = [Column(title=view.label("col.option"))]
    for name in ("bill", "p50", "p95", "p99", "cold"):
        title = view.label(f"col.{name}")
        columns += [
            Column(title=title, numeric=True),
            Column(title=view.label("col.as-poisson", what=title), numeric=True),
        ]
    rows = tuple(
        Row(
            cells=(name_of[one["option"]], *(text(cell) for cell in _both(view, one))),
            tone="chosen" if one["option"] == answer["chosen"] else "",
        )
        for one in found
    )
    folded = view.label("poisson.fold", count=str(len(rows)))
    return [Paragraph(spans=text(said)), Table(columns=tuple(columns), rows=rows, folded=folded)]


def _sentences(view: View, answer: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The chosen option, then the one whose bill the assumption misses by most, if by much."""
    chosen = next((one for one in found if one["option"] == answer["chosen"]), found[0])
    yield poisson_sentence(view, chosen)
    others = [one for one in found if one is not chosen]
    worst = max(others, key=_missed, default=None)
    if worst is not None and _missed(worst) >= MUCH_FRAC:
        wrong, _ = _judged(view, worst)
        yield view.label("poisson.also", option=view.option(worst["option"]), wrong="; ".join(wrong))


def _missed(candidate: Mapping[str, Any]) -> float:
    """By what share of the bill the assumption is off."""
    ours, theirs = candidate["monthly_usd"]["mid"], candidate["as_poisson"]["monthly_usd"]
    return abs(theirs / ours - 1) if ours and theirs is not None else 0.0


def _both(view: View, candidate: Mapping[str, Any]) -> Iterator[str]:
    other = candidate["as_poisson"]
    yield view.usd(candidate["monthly_usd"]["mid"])
    yield view.usd(other["monthly_usd"])
    for name in TIMES:
        yield view.answered(candidate[name])
        yield view.answered(other[name])
    yield view.percent(candidate["cold_share"])
    yield view.percent(other["cold_share"])


def poisson_sentence(view: View, candidate: Mapping[str, Any]) -> str:
    """What the usual assumption gets wrong about an option, and what it gets right."""
    wrong, right = _judged(view, candidate)
    option = view.option(candidate["option"])
    if not wrong:
        return view.label("poisson.nothing", option=option)
    said = view.label("poisson.wrong", option=option, wrong="; ".join(wrong))
    return f"{said} {view.label('poisson.right', right=', '.join(right))}" if right else said


def _judged(view: View, candidate: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Figures the assumption gets wrong, each with both numbers, and the names of those it gets right."""
    other = candidate["as_poisson"]
    wrong: list[str] = []
    right: list[str] = []
    pairs = [("bill", candidate["monthly_usd"]["mid"], other["monthly_usd"])]
    pairs += [(name.removesuffix("_s"), candidate[name], other[name]) for name in TIMES]
    for name, ours, theirs in pairs:
        said = _wrong(view, name, ours, theirs)
        (wrong if said else right).append(said or view.label(f"poisson.the-{name}"))
    ours, theirs = candidate["cold_share"], other["cold_share"]
    if abs(ours - theirs) >= NOTICEABLE_SHARE:
        wrong.append(view.label("poisson.cold", ours=view.percent(ours), theirs=view.percent(theirs)))
    else:
        right.append(view.label("poisson.the-cold"))
    return wrong, right


def _wrong(view: View, name: str, ours: float | None, theirs: float | None) -> str:
    """One figure that differs by more than anybody would overlook, or nothing."""
    shown = view.usd if name == "bill" else view.answered
    values = {"what": view.label(f"poisson.{name}"), "ours": shown(ours), "theirs": shown(theirs)}
    if ours is None or theirs is None:
        return "" if ours is theirs else view.label("poisson.instead", **values)
    if not ours or abs(theirs / ours - 1) < NOTICEABLE_FRAC:
        return ""
    share = theirs / ours - 1
    return view.label("poisson.high" if share > 0 else "poisson.low", share=view.percent(abs(share)), **values)
