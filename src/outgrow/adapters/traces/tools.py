"""What measuring tools export: Prometheus range queries, k6 summaries and k6's CSV."""

from __future__ import annotations

import math
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.traces.collect import MOST_REQUESTS, Collector, Read, ReadOptions
from outgrow.adapters.traces.columns import Column
from outgrow.adapters.traces.json_rows import kind_of, parse
from outgrow.adapters.traces.stamps import shown
from outgrow.domain.errors import TraceError
from outgrow.domain.message import message
from outgrow.domain.trace import Totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from outgrow.adapters.traces.lines import Lines

MOST_BYTES: Final = 1 << 29
K6_HEADER: Final = "metric_name,timestamp,metric_value"
K6_METRICS: Final = ("http_req_duration", "grpc_req_duration", "iteration_duration")
NOT_REQUESTS: Final = {"_sum": "seconds added up", "_bucket": "requests counted once for each bucket they are within"}
"""Series of a histogram that do not count requests, by how their names end."""

LATE: Final = 1.5
"""A sample later than so many steps after the one before leaves a hole: nothing is known of it."""


def read_k6_csv(lines: Lines, options: ReadOptions) -> Read:
    """The requests of a k6 run from its CSV output: each ``http_req_duration`` (ms), stamped when it ended."""
    if not lines.head().startswith(K6_HEADER):
        raise TraceError(f"{lines.path}:1: not the CSV of k6, which begins {K6_HEADER}", hint="k6 run --out csv=FILE")
    metric = _k6_metric(lines)
    columns = {
        "end": Column(kind="end", name="timestamp", place=1),
        "service": Column(kind="service", name="metric_value", place=2, unit="ms"),
    }
    collector = Collector(str(lines.path), columns, options)
    for number, batch in lines.batches():
        own = [(number + at, line) for at, line in enumerate(batch) if line.startswith(f"{metric},")]
        rows = [line.split(",", 3) for _, line in own]
        texts = {"end": [row[1] for row in rows], "service": [row[2] if len(row) > 2 else "" for row in rows]}
        last = lines.cut and bool(own) and own[-1][0] == number + len(batch) - 1
        collector.add([at for at, _ in own], texts, [line for _, line in own], last=last)
    read = collector.done()
    read.response = True
    if read.epoch:
        read.resolution_s = 1.0
    return read


def _k6_metric(lines: Lines) -> str:
    """The first of the metrics we know that is among the first lines, else the usual one."""
    head = lines.head(1 << 20)
    return next((metric for metric in K6_METRICS if f"\n{metric}," in head), K6_METRICS[0])


def read_k6_summary(lines: Lines) -> Totals:
    """What a k6 summary knows: how many requests in how long, and response times by share."""
    found = parse(lines.whole(MOST_BYTES), str(lines.path))
    metrics = found.get("metrics") if isinstance(found, dict) else None
    if not isinstance(metrics, dict):
        raise TraceError(f"{lines.path}: no `metrics` in it; expected a k6 summary (--summary-export)")
    requests = _k6_values(metrics.get("http_reqs"))
    count, rate = requests.get("count"), requests.get("rate")
    if count is None or rate is None or not (_positive(count) and _positive(rate)):
        raise TraceError(
            f"{lines.path}: metrics.http_reqs has no count and rate above 0", hint="did the run send requests?"
        )
    times = _k6_values(metrics.get("http_req_duration"))
    shares = {"med": 0.5} | {key: float(key[2:-1]) / 100 for key in times if key.startswith("p(") and key.endswith(")")}
    quantiles = sorted((share, times[key] / 1000) for key, share in shares.items() if _positive(times.get(key)))
    mean = times.get("avg", 0)
    return Totals(
        name=lines.name,
        requests=int(count),
        duration_s=count / rate,
        mean_s=mean / 1000 if _positive(mean) else None,
        quantiles_s=tuple(quantiles),
        notes=(message("trace.totals"),),
    )


def _k6_values(metric: object) -> Mapping[str, Any]:
    """The numbers of a metric: beside its name in --summary-export, under `values` in handleSummary()."""
    if not isinstance(metric, dict):
        return {}
    inner = metric.get("values")
    return inner if isinstance(inner, dict) else metric


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def read_prometheus(lines: Lines, kind: str | None) -> Read:
    """Requests from a range query (/api/v1/query_range): how many in each step, summed over its series.

    A counter's increases are counted, a fall being a restart from 0; a rate is multiplied by the step, parts of
    requests carried on. All requests of a step are stamped with its beginning. Of the time before the first sample and
    of missing samples nothing is known. ``kind``: "counter" or "rate"; None: a counter if it never falls but to start
    anew, and is whole. Raises `TraceError` for the sums and buckets of a histogram.
    """
    found = parse(lines.whole(MOST_BYTES), str(lines.path))
    series = list(_series(found, str(lines.path), kind))
    if not any(samples for _, samples in series):
        raise TraceError(f"{lines.path}: the query found no samples", hint="widen its range, or check its metric")
    step_s = _step(series)
    counts: dict[float, float] = {}
    for name, samples in series:
        counter = kind == "counter" or (kind is None and _is_counter(name, samples))
        for (before_s, before), (time_s, value) in pairwise(samples):
            if time_s - before_s > LATE * step_s:
                continue
            came = (value - before if value >= before else value) if counter else value * step_s
            counts[before_s] = counts.get(before_s, 0.0) + came
    read = Read(zoned=False, epoch=True, resolution_s=step_s)
    carried = 0.0
    for time_s in sorted(counts):
        carried += counts[time_s]
        whole = int(carried + 1e-9)
        carried -= whole
        if len(read.times_s) + whole > MOST_REQUESTS:
            raise TraceError(f"{lines.path}: over {MOST_REQUESTS:,} requests", hint="ask for a shorter range")
        read.times_s.extend(array("d", [time_s]) * whole)
    if counts:
        read.span_s = (min(counts), max(counts) + step_s)
    return read


def _series(found: Any, name: str, kind: str | None) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    data = found.get("data") if isinstance(found, dict) else None
    if isinstance(found, dict) and found.get("status") == "error":
        raise TraceError(f"{name}: the query failed: {found.get('error', 'no reason given')}")
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(result, list) or data.get("resultType", "matrix") != "matrix":
        raise TraceError(f"{name}: no range of samples in it", hint="export /api/v1/query_range, not /api/v1/query")
    for at, entry in enumerate(result):
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, list):
            raise TraceError(f"{name}: data.result[{at}]: {kind_of(entry)} without `values`")
        metric = entry.get("metric")
        labels = metric if isinstance(metric, dict) else {}
        label = str(labels.get("__name__", ""))
        _refuse_histogram(label, f"{name}: data.result[{at}].metric", kind, bucket="le" in labels)
        samples = [_sample(value, f"{name}: data.result[{at}].values[{place}]") for place, value in enumerate(values)]
        yield label, sorted(sample for sample in samples if math.isfinite(sample[1]))


def _refuse_histogram(label: str, place: str, kind: str | None, *, bucket: bool) -> None:
    """A name may end in anything where the caller says that it is a rate; a bucket is a part of a histogram always."""
    ending = next((ending for ending in NOT_REQUESTS if label.endswith(ending) and kind != "rate"), None)
    if ending is None and bucket:
        ending = "_bucket"
    if ending is not None:
        what = NOT_REQUESTS[ending]
        raise TraceError(
            f"{place}: found {shown(label or 'a label le')}, {what}; expected a counter of requests, or its rate",
            hint="query the counter that ends in _count or _total, as it is or within rate()",
        )


def _sample(value: Any, place: str) -> tuple[float, float]:
    try:
        time_s, count = float(value[0]), float(value[1])
    except (TypeError, ValueError, IndexError, KeyError):
        raise TraceError(f'{place}: found {shown(str(value))}; expected [seconds, "value"]') from None
    if count < 0:
        raise TraceError(f"{place}: found {count:g}; requests are 0 or more")
    return time_s, count


def _step(series: list[tuple[str, list[tuple[float, float]]]]) -> float:
    """The usual time between two samples."""
    steps = sorted(after[0] - before[0] for _, samples in series for before, after in pairwise(samples))
    steps = [step for step in steps if step > 0]
    return steps[len(steps) // 2] if steps else 60.0


def _is_counter(name: str, samples: list[tuple[float, float]]) -> bool:
    if name.endswith(("_total", "_count")):
        return True
    if len(samples) < 2:
        return False
    falls = sum(after[1] < before[1] for before, after in pairwise(samples))
    whole = all(value == int(value) for _, value in samples)
    return whole and falls <= len(samples) // 20 and samples[-1][1] > samples[0][1]
