"""What each figure or statement of a hand-made document is compared with: one small function for each subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.decide.audit import explained, tolerance
from outgrow.decide.levels import levels
from outgrow.domain.errors import SpecError
from outgrow.domain.message import message
from outgrow.domain.option import Support
from outgrow.domain.suggest import did_you_mean
from outgrow.domain.verdict import Finding
from outgrow.domain.workload import Need, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.domain.document import Figure
    from outgrow.domain.message import Message
    from outgrow.domain.verdict import Answer, Priced
    from outgrow.domain.workload import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What figures are held against."""

    service: Service
    market: Market
    as_written: Mapping[str, Priced]
    sized: Mapping[str, Priced]
    answers: Sequence[Answer]


def audited(evidence: Evidence) -> tuple[Finding, ...]:
    """Every figure of the spec's document section, in its order."""
    document = evidence.service.document
    return tuple(_finding(figure, evidence) for figure in document.figures) if document else ()


def _finding(figure: Figure, evidence: Evidence) -> Finding:
    if figure.about not in SUBJECTS:
        raise SpecError(
            f"document.figures ({figure.section}).about: unknown subject {figure.about!r}"
            f"{did_you_mean(figure.about, SUBJECTS)}",
            hint=f"subjects: {', '.join(SUBJECTS)}",
        )
    return SUBJECTS[figure.about](figure, evidence)


def _result(figure: Figure, theirs: str, ours: str, *, agrees: bool, causes: tuple[Message, ...] = ()) -> Finding:
    notes = causes or ((message("audit.agrees"),) if agrees else (message("audit.differs"),))
    return Finding(section=figure.section, says=figure.says, theirs=theirs, ours=ours, agrees=agrees, causes=notes)


def _unknown(figure: Figure, what: str) -> Finding:
    return _result(figure, _theirs(figure), "?", agrees=False, causes=(message("audit.no-counterpart", what=what),))


def _theirs(figure: Figure, unit: str = "") -> str:
    if figure.value is None:
        return figure.text or ""
    number = f"{figure.value:g}" if figure.high is None else f"{figure.value:g}-{figure.high:g}"
    return f"{number}{unit}"


def _number(figure: Figure, ours: float, unit: str, *causes: Message) -> Finding:
    """A plain number beside ours, agreeing within half of its last digit."""
    value = figure.value if figure.value is not None else 0.0
    room = tolerance(value)
    agrees = value - room <= ours <= (figure.high if figure.high is not None else value) + room
    text = f"{ours:,.2f}" if ours < 1000 else f"{ours:,.0f}"
    return _result(figure, _theirs(figure, unit), f"{text}{unit}", agrees=agrees, causes=() if agrees else causes)


def _option(figure: Figure, evidence: Evidence) -> Priced | None:
    return evidence.as_written.get(figure.option or "")


def _monthly(figure: Figure, evidence: Evidence) -> Finding:
    """A monthly amount: a whole option, or the lines of it that ``component`` names (patterns, comma-separated)."""
    option = _option(figure, evidence)
    if option is None or figure.value is None:
        return _unknown(figure, figure.option or "option")
    ours, agrees, causes = explained(
        figure.value, figure.high, option, figure.component, evidence.service, evidence.market
    )
    extra = () if figure.component else (*_absent_lines(figure, evidence), *_too_small(option, evidence.service))
    return _result(figure, _theirs(figure, " USD"), f"{ours:,.2f} USD", agrees=agrees, causes=(*causes, *extra))


def _absent_lines(figure: Figure, evidence: Evidence) -> tuple[Message, ...]:
    """For a total: public addresses on our bill that no line of the document speaks of."""
    document, option = evidence.service.document, _option(figure, evidence)
    named = [
        other for other in (document.figures if document else ()) if other.option == figure.option and other.component
    ]
    if option is None or not named or any(_prices_ipv4(other) for other in named):
        return ()
    missing = sum(float(line.amount_usd) for line in option.bill.lines if line.sku == "aws/vpc/public-ipv4")
    return (message("audit.no-ipv4", amount=round(missing, 2)),) if missing else ()


def _too_small(option: Priced, service: Service) -> tuple[Message, ...]:
    """The machine the document prices cannot hold the model it is meant for."""
    capacity = option.shape.capacity
    if capacity is None or not capacity.gpu_memory_gib:
        return ()
    needed = max((task.gpu_memory_gib for task in service.inference), default=0.0)
    if capacity.gpu_memory_gib >= needed:
        return ()
    return (message("audit.too-small", has_gib=capacity.gpu_memory_gib, needs_gib=needed),)


def _prices_ipv4(figure: Figure) -> bool:
    return figure.about != "absent" and "IPv4" in (figure.component or "")


def _absent(figure: Figure, evidence: Evidence) -> Finding:
    """Something the document does not price at all; ``component`` names our lines."""
    option = _option(figure, evidence)
    if option is None:
        return _unknown(figure, figure.option or "option")
    ours, _, _ = explained(0.0, None, option, figure.component, evidence.service, evidence.market)
    code = "audit.no-ipv4" if "IPv4" in (figure.component or "") else "audit.absent"
    note = message(code, amount=round(ours, 2))
    return _result(figure, "-", f"{ours:,.2f} USD", agrees=ours == 0, causes=(note,))


def _rate(figure: Figure, evidence: Evidence) -> Finding:
    """A unit price; ``text: hour`` compares a rate sold by the second with one quoted by the hour."""
    card = evidence.market.book.card(figure.sku or "", evidence.service.region, evidence.market.on)
    if card is None:
        return _unknown(figure, figure.sku or "sku")
    hourly = figure.text == "hour" and card.first.unit == "second"
    ours = float(card.first.amount) * (3600 if hourly else 1)
    value = figure.value or 0.0
    agrees = abs(ours - value) <= tolerance(value)
    notes = [message("audit.agrees")] if agrees else [message("audit.differs")]
    if card.first.withdrawn_on is not None:
        notes.append(message("audit.withdrawn", sku=card.first.sku, on=str(card.first.withdrawn_on)))
    unit = "hour" if hourly else card.first.unit
    return _result(figure, f"{value:g}", f"{ours:.6g} USD/{unit}", agrees=agrees, causes=tuple(notes))


def _discount(figure: Figure, evidence: Evidence) -> Finding:
    """How much cheaper ``sku`` is than ``than``, as a fraction."""
    cards = [
        evidence.market.book.card(sku or "", evidence.service.region, evidence.market.on)
        for sku in (figure.sku, figure.than)
    ]
    if cards[0] is None or cards[1] is None or figure.value is None:
        return _unknown(figure, figure.sku or "sku")
    ours = 1 - float(cards[0].first.amount) / float(cards[1].first.amount)
    high = figure.high if figure.high is not None else figure.value
    agrees = figure.value - 0.005 <= ours <= high + 0.005
    theirs = f"{figure.value * 100:g}-{high * 100:g} %" if figure.high is not None else f"{figure.value * 100:g} %"
    causes = () if agrees else (message("audit.own-rates", percent=round(ours * 100, 1)),)
    return _result(figure, theirs, f"{ours * 100:.1f} %", agrees=agrees, causes=causes)


def _break_even(figure: Figure, evidence: Evidence) -> Finding:
    """Daily users at which two options cost the same; a range over the spec's cold starts, not a number."""
    found = [
        crossover
        for answer in evidence.answers
        for crossover in answer.crossovers
        if set(crossover.between) == {figure.option, figure.than} and crossover.method == "always-cold"
    ]
    if not found or figure.value is None:
        return _unknown(figure, f"{figure.option} / {figure.than}")
    low, high = found[0].low or found[0].value, found[0].high or found[0].value
    causes = (message("audit.surface", low=round(low), mid=round(found[0].value), high=round(high)),)
    agrees = low == high and abs(found[0].value - figure.value) <= tolerance(figure.value)
    return _result(
        figure, _theirs(figure), f"{low:,.0f} / {found[0].value:,.0f} / {high:,.0f}", agrees=agrees, causes=causes
    )


def _level(figure: Figure, evidence: Evidence) -> Finding:
    """A level of a comparison table (``component`` names it) against the one derived from the components."""
    option = _option(figure, evidence)
    if option is None:
        return _unknown(figure, figure.option or "option")
    derived = levels(option.shape)
    if not hasattr(derived, figure.component or ""):
        return _unknown(figure, figure.component or "level")
    value = getattr(derived, figure.component or "")
    ours = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    agrees = (figure.text or "").lower() == ours or (figure.value is not None and str(value) == f"{figure.value:g}")
    note = (
        message("audit.level-agrees", level=figure.component or "", ours=ours)
        if agrees
        else message("audit.level", level=figure.component or "", ours=ours, points=derived.management_points)
    )
    return _result(figure, figure.text or _theirs(figure), ours, agrees=agrees, causes=(note,))


def _operator(figure: Figure, evidence: Evidence) -> Finding:
    """Who runs the machines a payload reaches: ``text`` is `own` or `third-party`."""
    option = _option(figure, evidence)
    place = option.shape.place if option else None
    if place is None:
        return _unknown(figure, figure.option or "option")
    own = place.trust.distance <= Trust.OWN_CLOUD_ACCOUNT.distance
    ours = f"{place.operator} ({place.country or '?'}), {place.trust.value}"
    agrees = (figure.text == "own") == own
    code = "audit.agrees" if agrees else "audit.third-party"
    note = message(code, operator=place.operator, country=place.country or "?", trust=place.trust.value)
    return _result(figure, figure.text or "", ours, agrees=agrees, causes=(note,))


def _capability(figure: Figure, evidence: Evidence) -> Finding:
    """Whether an option meets a need (``component``): ``text`` is yes, limited or no."""
    option = _option(figure, evidence)
    if option is None:
        return _unknown(figure, figure.option or "option")
    if figure.component == "custom-model":
        ours, limit = ("yes" if option.shape.custom_model else "no"), None
    else:
        if figure.component not in set(Need):
            return _unknown(figure, figure.component or "capability")
        capability = option.shape.capabilities.get(Need(figure.component))
        ours, limit = (
            (capability.support.value if capability else Support.YES.value),
            capability.limit if capability else None,
        )
    agrees = figure.text == ours
    return _result(figure, figure.text or "", ours, agrees=agrees, causes=(limit,) if limit else ())


def _scaling(figure: Figure, evidence: Evidence) -> Finding:
    """Claims such as "a provider has nothing that scales to zero": ``text: none``, ``option`` a prefix of ids."""
    prefixes = tuple((figure.option or "").split(","))
    options = [*evidence.sized.values(), *evidence.as_written.values()]
    able = sorted({o.shape.option for o in options if o.shape.option.startswith(prefixes) and _pays_by_use(o)})
    ours = ", ".join(able) or "none"
    agrees = (figure.text == "none") == (not able)
    causes = () if agrees else (message("audit.scales", options=ours),)
    return _result(figure, figure.text or "", ours, agrees=agrees, causes=causes)


def _pays_by_use(option: Priced) -> bool:
    return option.shape.scales_to_zero or "hours" in option.shape.settings


def _cheaper(figure: Figure, evidence: Evidence) -> Finding:
    """``option`` costs less than ``than``: as written, and sized to the same load."""
    written = [evidence.as_written.get(name or "") for name in (figure.option, figure.than)]
    same = [evidence.sized.get(name or "") for name in (figure.option, figure.than)]
    if None in (*written, *same):
        return _unknown(figure, f"{figure.option} / {figure.than}")
    as_written = " / ".join(f"{option.monthly_usd:,.2f}" for option in written if option)
    to_load = " / ".join(f"{option.monthly_usd:,.2f}" for option in same if option)
    first, second = (option.monthly_usd for option in same if option)
    note = message(
        "audit.same-load", first=figure.option or "", second=figure.than or "", written=as_written, sized=to_load
    )
    return _result(figure, figure.says, to_load, agrees=first < second, causes=(note,))


def _chosen(figure: Figure, evidence: Evidence) -> Finding:
    """What the document decided, against the answer to the same question."""
    option = evidence.as_written.get(figure.option or "") or evidence.sized.get(figure.option or "")
    if option is None:
        return _unknown(figure, figure.option or "option")
    chosen = next((a.chosen for a in evidence.answers if a.question is option.shape.question), None)
    return _result(figure, figure.option or "", chosen or "none", agrees=figure.option == chosen)


def _users(figure: Figure, evidence: Evidence) -> Finding:
    return _number(figure, evidence.service.users.daily_active, "")


def _requests(figure: Figure, evidence: Evidence) -> Finding:
    return _number(figure, sum(task.requests_per_day for task in evidence.service.inference), "/day")


def _service_time(figure: Figure, evidence: Evidence) -> Finding:
    return _number(figure, max((task.service_s for task in evidence.service.inference), default=0.0), " s")


def _gpu_hours(figure: Figure, evidence: Evidence) -> Finding:
    """GPU time of a month: execution alone in the document, what is billed in ours."""
    option = evidence.as_written.get(figure.option or "runpod-flex")
    if option is None:
        return _unknown(figure, "runpod-flex")
    lines = [line for line in option.bill.lines if line.unit == "second"]
    billed_h = sum(float(line.quantity) for line in lines) / 3600
    busy_h = sum(float(line.quantity) for line in lines if line.component.endswith("execution")) / 3600
    note = message("audit.gpu-hours", busy=round(busy_h, 2), billed=round(billed_h, 1))
    return _number(figure, billed_h, " h", note)


def _egress(figure: Figure, evidence: Evidence) -> Finding:
    """Traffic lines of an option beside what the document sets aside for them."""
    option = _option(figure, evidence)
    if option is None or figure.value is None:
        return _unknown(figure, figure.option or "option")
    lines = [line for line in option.bill.lines if line.group == "traffic"]
    ours = sum(float(line.amount_usd) for line in lines)
    moved = sum(float(line.quantity + line.free) for line in lines if line.unit == "gb")
    note = message("audit.traffic", gb=round(moved, 1), free=100)
    return _number(figure, ours, " USD", note)


def _upfront(figure: Figure, evidence: Evidence) -> Finding:
    option = evidence.sized.get(figure.option or "")
    upfront = option.shape.upfront_usd if option else None
    ours = "?" if upfront is None else f"{upfront:,.0f} USD"
    agrees = (figure.text == "yes") == (upfront is None or upfront > 0)
    return _result(figure, figure.text or "", ours, agrees=agrees)


SUBJECTS: Mapping[str, Callable[[Figure, Evidence], Finding]] = {
    "monthly": _monthly,
    "absent": _absent,
    "rate": _rate,
    "discount": _discount,
    "break-even": _break_even,
    "level": _level,
    "operator": _operator,
    "capability": _capability,
    "scales-to-zero": _scaling,
    "cheaper": _cheaper,
    "chosen": _chosen,
    "daily-users": _users,
    "requests-per-day": _requests,
    "service-time": _service_time,
    "gpu-hours": _gpu_hours,
    "traffic": _egress,
    "upfront": _upfront,
}
"""Everything a figure can be about."""
