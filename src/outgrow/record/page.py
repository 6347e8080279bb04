"""The record as one HTML page that needs nothing else: styles and plots inside, no script, no request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from outgrow.record import numbers
from outgrow.record.blocks import Style
from outgrow.record.outline import months_until, outgrown, sections, verdict
from outgrow.record.outline_growth import when
from outgrow.record.plots import plot
from outgrow.record.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.record.blocks import Block
    from outgrow.record.words import Words


TOGETHER = re.compile(
    r"(\d{4}-\d\d(?:-\d\d)?|\b\d\d-\d\d(?:,\d\d-\d\d)*|"
    r"\d[\d,.]*(?: – \d[\d,.]*)? (?:%|s|ms|h|GB|GiB|vCPU)(?![\w-])|[가-힣]\([가-힣]\)|\(으\)로)"
)
"""Dates, hours of a day, numbers with their units, and Korean particles in both forms."""


def render_page(data: Mapping[str, Any], words: Words, template: str) -> str:
    """The whole page. ``template`` is the text of ``templates/page.html.j2``.

    Same data, words and template, same bytes.
    """
    view = View(data, words)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["kind"] = _kind
    environment.filters["tied"] = _tied
    return environment.from_string(template).render(
        view=view,
        label=view.label,
        record=data["record"],
        title=view.title(),
        verdict=verdict(view),
        keys=_key_figures(view),
        sections=sections(view),
        figure=lambda block: plot(view, block.name, block.question),
        styles=Style,
        record_file=_record_file,
        bar=lambda share: numbers.number(share * 100, 1),
    )


def _kind(block: Block) -> str:
    return type(block).__name__.lower()


def _tied(words: str) -> Markup:
    """Escaped text in which a number does not part from its unit, nor a date from itself, at the end of a line."""
    return Markup(TOGETHER.sub(r'<span class="nb">\1</span>', str(escape(words))))  # noqa: S704


def _record_file(href: str) -> str:
    """Another record's page; anything else is a place in this one."""
    return f"{href.removeprefix('record:')}.html" if href.startswith("record:") else href


def _key_figures(view: View) -> list[dict[str, str]]:
    """The three figures of the header: what it costs, how it answers, when it is outgrown."""
    return [figure for figure in (_cost(view), _speed(view), _until(view)) if figure]


def _cost(view: View) -> dict[str, str] | None:
    pair = view.chosen_pair()
    if pair is None:
        return None
    vat = view.rate(view.data["vat_frac"])
    detail = view.label("key.cost-detail", amount=view.both(pair["with_vat_usd"]), vat=vat)
    if not view.data["vat_frac"]:
        detail = view.local(pair["monthly_usd"])
    return {"name": view.label("key.cost"), "value": view.usd(pair["monthly_usd"]), "detail": detail}


def _speed(view: View) -> dict[str, str] | None:
    chosen = view.chosen("inference")
    if chosen is None or chosen["p95_s"] is None:
        return None
    detail = view.label("key.speed-detail", cold=view.percent(chosen["cold_share"]))
    return {"name": view.label("key.speed"), "value": view.seconds(chosen["p95_s"]), "detail": detail}


def _until(view: View) -> dict[str, str] | None:
    """The first move of the growth plan; where it has none, the demand at which a chosen option is overtaken."""
    plan = view.data.get("growth") or {"moves": ()}
    move = next((one for one in plan["moves"] if one["month"] is not None), None)
    if move is not None:
        value = view.label("key.until-value", users=numbers.users(move["at_users"]))
        detail = view.label(
            "key.move-detail",
            option=view.option(move["to"]),
            when=when(view, move["month"]),
            today=numbers.users(view.today()),
        )
        return {"name": view.label("key.move"), "value": value, "detail": detail}
    found = outgrown(view)
    if found is None:
        return None
    users, _, then = found
    name, value = view.label("key.until"), view.label("key.until-value", users=numbers.users(users))
    detail = view.label("key.until-detail", option=view.option(then), today=numbers.users(view.today()))
    months = months_until(view, users)
    if months:
        detail += " " + view.label(
            "key.until-months", months=numbers.spread(*(numbers.number(month) for month in months))
        )
    return {"name": name, "value": value, "detail": detail}
