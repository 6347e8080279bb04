"""Tables of what was played: a study of months, or a replay of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.cli.terminal import counted, money, out, say, share, table

if TYPE_CHECKING:
    from collections.abc import Callable


def show_study(result: dict[str, Any]) -> None:
    """Median and 80 % of the months, one line an option."""
    study = result["study"]
    arrivals = study["arrivals"] if isinstance(study["arrivals"], str) else ", ".join(study["arrivals"])
    out(
        f"{study['service']} in {study['region']}: {counted(study['months'], 'month')}, {arrivals} arrivals,"
        f" seed {study['seed']}, warm-up {counted(study['warm_up_days'], 'day', 'g')}, {result['engine']} kernel;"
        " median, and 80 % of the months\n"
    )
    rows = [_row(option) for option in result["options"]]
    header = ("option", "month", "80 %", "p50 s", "p95 s", "80 %", "p99 s", "delayed", "cold", "used", "keeps all")
    out(table(rows, header, right=set(range(1, len(header)))))
    for option in result["options"]:
        for line in _more(option):
            out(f"  {option['option']}: {line}")


def _row(option: dict[str, Any]) -> list[str]:
    settings = " ".join(f"{name}={value}" for name, value in option["settings"].items())
    return [
        f"{option['option']} {settings}".strip(),
        _money(option["bill_usd"]["median"]),
        _between(option["bill_usd"], _money),
        *(_seconds((option[name] or {}).get("median"), option[name]) for name in ("p50_s", "p95_s")),
        _between(option["p95_s"], lambda value: _seconds(value, option["p95_s"])),
        _seconds((option["p99_s"] or {}).get("median"), option["p99_s"]),
        *(_percent(option[name]) for name in ("delayed_share", "cold_share", "utilisation_frac")),
        f"{option['kept_share'] * 100:.0f} %",
    ]


def _more(option: dict[str, Any]) -> list[str]:
    """Endings that are not answers, attempts beyond the first, and what breaks."""
    lines = []
    endings = option["endings"] or {}
    bad = [f"{name.replace('_', ' ')} {share(part)}" for name, part in endings.items() if name != "completed" and part]
    if bad:
        lines.append(f"requests {', '.join(bad)}; {counted(option['attempts'], 'attempt', '.3g')} a request")
    if option["broke"]:
        broke = ", ".join(f"{entry['constraint']} in {entry['share'] * 100:.0f} %" for entry in option["broke"])
        lines.append(f"breaks {broke} of the months")
    return lines


def _money(usd: float | None) -> str:
    return "never" if usd is None else money(usd)


def _between(spread: dict[str, Any] | None, shown: Callable[[float | None], str]) -> str:
    return "-" if spread is None else f"{shown(spread['low'])} - {shown(spread['high'])}"


def _seconds(value: float | None, spread: object) -> str:
    if spread is None:
        return "-"
    return "never" if value is None else f"{value:,.3g}"


def _percent(spread: dict[str, Any] | None) -> str:
    return "-" if spread is None else f"{spread['median'] * 100:.0f} %"


REPLAYED = ("option", "requests", "cold starts", "a request", "billed h", "month", "p50 s", "p95 s", "p99 s", "delayed")


def show_replay(result: dict[str, Any]) -> None:
    """What each option did with the trace, and what the log says of itself."""
    replay = result["replay"]
    out(
        f"{replay['service']} in {replay['region']}, {replay['task']}: {counted(replay['requests'], 'request')} of"
        f" {replay['trace']} in {counted(replay['days'], 'day', '.4g')} as recorded, seed {replay['seed']},"
        f" {result['engine']} kernel; the bill is that of a 730 h month of them\n"
    )
    if replay["days"] < 1:
        say("note: less than a day was recorded: the bill is that of a month of such hours, day and night")
    out(table([_replayed(option) for option in result["options"]], REPLAYED, right=set(range(1, len(REPLAYED)))))
    for option in result["options"]:
        for line in _more({"endings": None, "broke": [], **option}):
            out(f"  {option['option']}: {line}")
        if option.get("bottleneck"):
            out(f"  {option['option']}: {option['bottleneck']}")
    recorded = result["recorded"]
    said = [
        f"{name[:-2]} {recorded[name]:,.4g} s" for name in ("p50_s", "p95_s", "p99_s") if recorded[name] is not None
    ]
    if recorded["cold_share"] is not None:
        said.append(f"{recorded['cold_share'] * 100:.3g} % of requests met a start")
    if recorded["workers"] is not None:
        said.append(counted(recorded["workers"], "worker"))
    if said:
        out(f"  the log itself: {', '.join(said)}")


def _replayed(option: dict[str, Any]) -> list[str]:
    name = _named(option)
    if "requests" not in option:
        return [name, "-", "-", "-", "-", money(option["monthly_usd"]), "-", "-", "-", "-"]
    return [
        name,
        f"{option['requests']:,.0f}",
        f"{option['cold_starts']:,.0f}",
        f"{option['cold_starts'] / option['requests']:.3g}" if option["requests"] else "-",
        f"{option['billed_worker_hours']:,.4g}",
        money(option["monthly_usd"]),
        *(_seconds(option[name], option) for name in ("p50_s", "p95_s", "p99_s")),
        f"{option['delayed_share'] * 100:.3g} %",
    ]


def _named(option: dict[str, Any]) -> str:
    settings = " ".join(f"{name}={value}" for name, value in option["settings"].items())
    return f"{option['option']} {settings}".strip()
