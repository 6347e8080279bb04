"""Draws the plots of docs/background.md: SVG files that stand alone, on a light and on a dark page."""

from __future__ import annotations

import math
import re
import statistics
from typing import TYPE_CHECKING

from background_example import IDLE_S, NEAR_IDLE_S, mean_of
from background_runs import RAMP_S, SCENE_S, TAIL_LONG_DAYS, TAIL_PER_DAY

from outgrow.decide.months import spread_of
from outgrow.record import numbers
from outgrow.record.frame import Frame, axes
from outgrow.record.svg import Canvas, Scale, spread_out, width_px
from outgrow.sim.requests import DAY_S, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from background_pairs import Compared
    from background_runs import Ramp, Scene, Step, Tail

    from outgrow.domain.verdict import Spread

WIDTH = 696.0
MARGIN_PX = 12.0
LEFT = 44.0
NAMES_PX = 152.0
"""Room for names at the right end of lines."""

STYLE = (
    "<style>:root{--paper:#fcfbf8;--ink:#1b1f24;--soft:#59616b;--hair:#e4e0d6;--c0:#0072b2;--c1:#b86e00;--c2:#00795a}"
    "@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e7e5df;--soft:#a2a9b1;--hair:#2b3036;"
    "--c0:#4ba6e0;--c1:#e69f00;--c2:#1fb58c}}"
    'text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--ink)}'
    ".ground{fill:var(--paper)}.m{fill:var(--soft)}.b{font-weight:650}"
    ".grid{stroke:var(--hair)}.axis{stroke:var(--soft)}.level{stroke:var(--soft);stroke-dasharray:5 4}"
    ".c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}"
    ".t0{fill:var(--c0)}.t1{fill:var(--c1)}.t2{fill:var(--c2)}"
    ".f0{fill:var(--c0);fill-opacity:.3}.f1{fill:var(--c1);fill-opacity:.3}.faint{fill:var(--c0);fill-opacity:.55}"
    ".s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.curve{fill:none;stroke-width:2;stroke-linejoin:round}"
    ".span{stroke-width:6;stroke-opacity:.35}</style>"
)


def _finished(canvas: Canvas, title: str, description: str) -> str:
    """The picture with its own style, ground and size."""
    width, height = canvas.width + 2 * MARGIN_PX, canvas.height + MARGIN_PX
    size = f'width="{width:g}" height="{height:g}"'
    ground = f'<rect x="{-MARGIN_PX:g}" y="{-MARGIN_PX:g}" {size} class="ground"/>'
    head, _, rest = canvas.svg(title, description).partition("</desc>")
    head = re.sub('viewBox="[^"]*"', f'{size} viewBox="{-MARGIN_PX:g} {-MARGIN_PX:g} {width:g} {height:g}"', head)
    return f"{head}</desc>{STYLE}{ground}{rest}\n"


def _frame(height: float, x: Scale, y: tuple[float, float], *, top: float = 34.0) -> Frame:
    """A plot of full width with room for the upright axis' name above and the other's below."""
    return Frame(canvas=Canvas(WIDTH, height), x=x, y=Scale(*y, height - 44, top))


def _legend(canvas: Canvas, entries: Sequence[tuple[str, str]], x: float, y: float) -> None:
    for words, style in entries:
        canvas.box(x, y - 9, 12, 9, style)
        canvas.text(x + 17, y, words)
        x += width_px(words) + 42


def scene_plot(scene: Scene) -> str:
    """Each request a row, waiting then served; below, the workers that are up in each second."""
    row = 15.0
    top = 40.0
    middle = top + row * len(scene.requests)
    canvas = Canvas(WIDTH, middle + 158)
    x = Scale(0.0, SCENE_S / 60, LEFT, WIDTH - 12)
    workers = Frame(canvas=canvas, x=x, y=Scale(0.0, 3.0, middle + 114, middle + 48))
    canvas.text(0, 14, "requests, one a row", "m")
    _legend(canvas, (("waits", "f0"), ("is served", "c0")), 210, 14)
    for place, request in enumerate(scene.requests):
        y = top + row * place
        marks = (
            x.at((time_s - scene.begin_s) / 60) for time_s in (request.arrived_s, request.began_s, request.ended_s)
        )
        arrived, began, ended = marks
        canvas.line((LEFT, y + 5), (WIDTH - 12, y + 5), "grid")
        canvas.box(arrived, y, began - arrived, 10, "f0")
        canvas.box(began, y, ended - began, 10, "c0")
        words = f"{numbers.number(request.ended_s - request.arrived_s)} s"
        canvas.text(ended + 5, y + 9, words)
    axes(workers, f"minutes from {_clock(scene.begin_s)}", "workers up", y_name_px=middle + 30, most=3)
    _legend(canvas, (("start", "f1"), ("serve", "c0"), ("wait for the next request", "c2")), 210, middle + 30)
    _stacked(workers, (scene.starting, scene.busy, scene.idle), ("f1", "c0", "c2"))
    return _finished(canvas, "Ten minutes of a simulated dinner", "Requests that wait and are served; workers below.")


def _clock(time_s: float) -> str:
    hours, rest_s = divmod(time_s % DAY_S, HOUR_S)
    return f"{hours:.0f}:{rest_s // 60:02.0f}"


def _stacked(frame: Frame, layers: Sequence[Sequence[float]], styles: Sequence[str]) -> None:
    """Layers on top of one another, a value a second."""
    base = [0.0] * len(layers[0])
    for layer, style in zip(layers, styles, strict=True):
        above = [low + value for low, value in zip(base, layer, strict=True)]
        for first, last in _stretches(layer):
            edge = [(first, second, second + 1) for second in range(first, last)]
            upper = [frame.at(at / 60, above[second]) for _, second, end in edge for at in (second, end)]
            lower = [frame.at(at / 60, base[second]) for _, second, end in edge for at in (second, end)]
            frame.canvas.path([*upper, *reversed(lower)], style, closed=True)
        base = above


def _stretches(layer: Sequence[float]) -> list[tuple[int, int]]:
    """From where to where it is above 0."""
    found: list[tuple[int, int]] = []
    for second, value in enumerate(layer):
        if value > 0:
            start = found.pop()[0] if found and found[-1][1] == second else second
            found.append((start, second + 1))
    return found


def ramp_plot(poisson: Ramp, sessions: Ramp) -> str:
    """Mean wait by time since the start, and the level it settles at."""
    x = Scale(0.0, RAMP_S / 60, LEFT, WIDTH - NAMES_PX)
    frame = _frame(300, x, (0.0, 1.25 * sessions.settled_s.value))
    axes(frame, "minutes since the run began empty", "mean wait of the requests that come then, s")
    for place, (ramp, name) in enumerate(((poisson, "requests one by one"), (sessions, "in sessions"))):
        level = frame.y.at(ramp.settled_s.value)
        frame.canvas.line((frame.left, level), (frame.right, level), "level")
        points = [frame.at(minute, wait) for minute, wait in zip(ramp.minutes, ramp.waits_s, strict=True)]
        frame.canvas.path(points, f"curve s{place}")
        frame.canvas.text(frame.right + 8, level - 2, name, f"b t{place}")
        settled = f"settles at {numbers.number(ramp.settled_s.value, 1)} s"
        frame.canvas.text(frame.right + 8, level + 13, settled, "m")
    return _finished(frame.canvas, "Mean wait after a start from empty", "It rises to the level of a long run.")


def months_plot(bills: Sequence[float]) -> str:
    """A dot a month, the mean so far with its interval, and the middle 80 % of the months."""
    x = Scale(0.0, float(len(bills)), LEFT, WIDTH - NAMES_PX)
    frame = _frame(320, x, (math.floor(min(bills)) - 1.0, math.ceil(max(bills)) + 1.0))
    axes(frame, "months played", "bill of a month, $")
    for place, bill in enumerate(bills):
        frame.canvas.dot(*frame.at(place + 1, bill), 2.6, "faint")
    counts = range(4, len(bills) + 1)
    means = [mean_of(bills[:count]) for count in counts]
    low = [frame.at(count, mean.value - mean.half_width) for count, mean in zip(counts, means, strict=True)]
    high = [frame.at(count, mean.value + mean.half_width) for count, mean in zip(counts, means, strict=True)]
    frame.canvas.path([*high, *reversed(low)], "f1", closed=True)
    line = [frame.at(count, mean.value) for count, mean in zip(counts, means, strict=True)]
    frame.canvas.path(line, "curve s1")
    spread = spread_of(bills)
    at = frame.right + 10
    frame.canvas.line((at, frame.y.at(spread.low)), (at, frame.y.at(spread.high)), "s0 span")
    wanted = [frame.y.at(spread.high) + 4, frame.y.at(means[-1].value) - 3, frame.y.at(spread.low) + 4]
    high_y, mean_y, low_y = spread_out(wanted, 32, frame.top, frame.bottom)
    frame.canvas.text(at + 10, high_y, "80 % of the months", "b t0")
    frame.canvas.text(at + 10, high_y + 15, f"up to {numbers.money(spread.high)}", "m")
    frame.canvas.text(at + 10, low_y, f"from {numbers.money(spread.low)}", "m")
    frame.canvas.text(at + 10, mean_y, f"mean {numbers.money(means[-1].value)}", "b t1")
    frame.canvas.text(at + 10, mean_y + 15, f"± {numbers.money(means[-1].half_width)}", "m")
    return _finished(frame.canvas, "Bills of months", "A dot a month; the mean so far and its interval.")


def tail_plot(poisson: Tail, days: Tail) -> str:
    """The p99 that 80 % of the runs find, by the days they last."""
    x = Scale(float(days.days[0]), float(days.days[-1]), LEFT, WIDTH - NAMES_PX, log=True)
    frame = _frame(310, x, (0.0, math.ceil(max(spread.high for spread in days.p99_s)) + 1.0))
    per_day = numbers.number(TAIL_PER_DAY)
    ticks = [float(count) for count in days.days]
    axes(frame, f"days played, {per_day} requests each", "p99 response time of a run, s", x_ticks=ticks)
    level = frame.y.at(days.settled_s)
    frame.canvas.line((frame.left, level), (frame.right, level), "level")
    settled = f"days differ, {numbers.number(TAIL_LONG_DAYS)} days: {numbers.number(days.settled_s, 1)} s"
    frame.canvas.text(frame.left + 6, level - 6, settled, "m")
    wanted = [frame.y.at(tail.p99_s[-1].median) for tail in (poisson, days)]
    places = spread_out(wanted, 36, frame.top, frame.bottom - 16)
    for place, (tail, name, y) in enumerate(
        zip((poisson, days), ("all days alike", "days differ"), places, strict=True)
    ):
        _band(frame, tail.days, tail.p99_s, place)
        last = tail.p99_s[-1]
        frame.canvas.text(frame.right + 8, y - 3, name, f"b t{place}")
        ends = f"{numbers.number(last.low, 1)} to {numbers.number(last.high, 1)} s"
        frame.canvas.text(frame.right + 8, y + 12, ends, "m")
    return _finished(frame.canvas, "What p99 a run finds", "80 % of the runs, by the number of days.")


def _band(frame: Frame, xs: Sequence[float], spreads: Sequence[Spread], place: int) -> None:
    low = [frame.at(x, spread.low) for x, spread in zip(xs, spreads, strict=True)]
    high = [frame.at(x, spread.high) for x, spread in zip(xs, spreads, strict=True)]
    frame.canvas.path([*high, *reversed(low)], f"f{place}", closed=True)
    frame.canvas.path([frame.at(x, s.median) for x, s in zip(xs, spreads, strict=True)], f"curve s{place}")


ROW_PX = 42.0


def ladder_plot(steps: Sequence[Step]) -> str:
    """Two panels with a row a step: bill of the flex option, p99 of the always-on server."""
    top, bottom = 62.0, 62.0 + ROW_PX * len(steps)
    canvas = Canvas(WIDTH, bottom + 44)
    bills = Scale(0.0, 1.3 * max(step.bill_usd.value for step in steps), 168, 416)
    waits = Scale(3.0, 5000.0, 462, WIDTH - 16, log=True)
    canvas.text(bills.start, 16, "GPU that scales to zero", "b t0")
    canvas.text(bills.start, 33, "bill, $ a month (cold starts a request)", "m")
    canvas.text(waits.start, 16, "server that is always on", "b t1")
    canvas.text(waits.start, 33, "p99: median and 80 % of the months", "m")
    for scale, name in ((bills, "$ a month"), (waits, "seconds, logarithmic")):
        _lower_axis(canvas, scale, top - 12, bottom, name)
    for place, step in enumerate(steps):
        y = top + ROW_PX * place + 10
        canvas.text(0, y + 4, step.name, "b")
        canvas.box(bills.start, y - 8, bills.at(step.bill_usd.value) - bills.start, 16, "c0")
        words = f"{numbers.number(step.bill_usd.value, 2)} ({numbers.number(step.starts, 2)})"
        canvas.text(bills.at(step.bill_usd.value) + 5, y + 4, words)
        p99 = step.server_p99_s
        canvas.line((waits.at(p99.low), y), (waits.at(p99.high), y), "s1 span")
        canvas.dot(waits.at(p99.median), y, 4.5, "c1")
        seconds = f"{numbers.significant(p99.median, 3)} s"
        beyond = waits.at(p99.high) + 9
        fits = beyond + width_px(seconds) < WIDTH
        canvas.text(beyond if fits else waits.at(p99.low) - 9, y + 4, seconds, "", "start" if fits else "end")
    return _finished(canvas, "The same mean rate, clustered more and more", "Bill falls, the server's tail grows.")


def _lower_axis(canvas: Canvas, scale: Scale, top: float, bottom: float, name: str) -> None:
    """Upright grid lines with their amounts below."""
    for tick in scale.ticks(6):
        canvas.line((scale.at(tick), top), (scale.at(tick), bottom), "grid")
        canvas.text(scale.at(tick), bottom + 16, numbers.significant(tick, 3), "m", "middle")
    canvas.line((scale.start, bottom), (scale.end, bottom), "axis")
    canvas.text(scale.end, bottom + 34, name, "m", "end")


def pairs_plot(pair: Compared) -> str:
    """Differences of bills, a dot a pair of months: the same months above, months of their own below."""
    longer, shorter = (f"timeout {seconds:g} s" for seconds in (NEAR_IDLE_S, IDLE_S))
    reach = math.ceil(max(map(abs, pair.own)))
    top, height = 34.0, 70.0
    canvas = Canvas(WIDTH, top + 2 * height + 58)
    scale = Scale(-float(reach), float(reach), 156, WIDTH - 16)
    _lower_axis(canvas, scale, top, top + 2 * height + 10, f"{longer} less {shorter}, $ a month")
    canvas.line((scale.at(0), top), (scale.at(0), top + 2 * height + 10), "axis")
    canvas.text(scale.at(0) - 7, top - 8, f"{longer} is cheaper", "m", "end")
    canvas.text(scale.at(0) + 7, top - 8, f"{shorter} is cheaper", "m")
    for place, (name, values) in enumerate((("the same months", pair.same), ("months of their own", pair.own))):
        middle = top + height * (place + 0.5)
        deviation = statistics.stdev(values)
        canvas.text(0, middle, name, f"b t{place}")
        canvas.text(0, middle + 15, f"std. deviation {numbers.money(deviation)}", "m")
        for number, value in enumerate(values):
            canvas.dot(scale.at(value), middle + (number * 0.618 % 1 - 0.5) * 0.7 * height, 2.4, f"c{place}")
    return _finished(canvas, "Difference of two bills", "In the same months it is nearly certain, in others it is not.")
