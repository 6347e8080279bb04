"""Every format people have gives the same requests; what was mended is said."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.adapters.traces.collect import ReadOptions
from outgrow.adapters.traces.door import format_of, read_trace
from outgrow.domain.errors import TraceError
from outgrow.domain.trace import STARTED, Totals, Trace

NOON_S = 12 * 3600.0
NGINX = (
    '203.0.113.7 - alice [10/Oct/2025:12:00:01 +0900] "GET /a HTTP/1.1" 200 2326 "-" "curl/8" 0.250\n'
    '203.0.113.8 - - [10/Oct/2025:12:00:05 +0900] "POST /b HTTP/1.1" 200 12 "-" "x \\"quoted\\" [y]" 1.500 0.9\n'
    '203.0.113.7 - - [10/Oct/2025:12:00:09 +0900] "GET /c HTTP/1.1" 499 0 "-" "curl/8" 0.010\n'
)
ALB = (
    "http 2025-07-02T22:23:00.200000Z app/lb/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 {times} 200 200 34 366"
    ' "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:x "Root=1-58" "-" "-" 0'
    ' 2025-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"\n'
)
LAMBDA = (
    "2025-05-01T12:00:00.100Z 2025/05/01/[$LATEST]aa START RequestId: a Version: $LATEST\n"
    "2025-05-01T12:00:02.500Z 2025/05/01/[$LATEST]aa REPORT RequestId: a\tDuration: 1000.00 ms\t"
    "Billed Duration: 1000 ms\tMemory Size: 128 MB\tMax Memory Used: 64 MB\tInit Duration: 500.00 ms\t\n"
    "2025-05-01T12:00:05.250Z 2025/05/01/[$LATEST]bb REPORT RequestId: b\tDuration: 250.00 ms\tBilled Duration: 250 ms\n"
)
K6_CSV = (
    "metric_name,timestamp,metric_value,check,error\n"
    "http_reqs,1700000000,1.000000,,\n"
    "http_req_duration,1700000000,500.0,,\n"
    "http_req_waiting,1700000000,120,,\n"
    "http_req_duration,1700000004,250.0,,\n"
)


@pytest.fixture
def read(tmp_path):
    def from_text(text: str | bytes, name: str = "trace.log", **options: object) -> Trace:
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        found = read_trace(file, ReadOptions(**options))  # type: ignore[arg-type]
        assert isinstance(found, Trace)
        return found

    return from_text


def codes(trace: Trace) -> set[str]:
    return {note.code for note in trace.notes}


def near(values: object) -> object:
    return pytest.approx(values, abs=1e-5)


STAMPS = {
    "spaces": ("2025-10-10 12:00:00", "2025-10-10 12:00:04.5"),
    "seven digits": ("2025-10-10 12:00:00.0000000", "2025-10-10 12:00:04.5000000"),
    "T": ("2025-10-10T12:00:00", "2025-10-10T12:00:04.500"),
    "Z": ("2025-10-10T12:00:00Z", "2025-10-10T12:00:04.5Z"),
    "UTC": ("2025-10-10 12:00:00 UTC", "2025-10-10 12:00:04.5 UTC"),
    "comma": ("2025-10-10 12:00:00", "2025-10-10 12:00:04,5"),
    "slashes": ("2025/10/10 12:00:00", "2025/10/10 12:00:04.5"),
    "offset": ("2025-10-10T12:00:00+09:00", "2025-10-10T12:00:04.5+0900"),
    "minutes": ("2025-10-10 12:00", "2025-10-10 12:00:04.5"),
    "nginx": ("10/Oct/2025:12:00:00 -0700", "10/Oct/2025:12:00:04.5 -0700"),
    "brackets": ("[10/Oct/2025:12:00:00 +0000]", "[10/Oct/2025:12:00:04.5 +0000]"),
    "epoch s": ("1760097600", "1760097604.5"),
    "epoch ms": ("1760097600000", "1760097604500"),
    "epoch us": ("1760097600000000", "1760097604500000"),
    "epoch ns": ("1760097600000000000", "1760097604500000000"),
}


@pytest.mark.parametrize("kind", STAMPS)
def test_stamps_of_every_kind_are_counted_from_midnight(read, kind):
    first, second = STAMPS[kind]
    trace = read(f'when\n"{first}"\n"{second}"\n')
    assert list(trace.times_s) == near([NOON_S, NOON_S + 4.5])
    assert trace.first_day == date(2025, 10, 10)


@pytest.mark.parametrize(
    ("stamp", "timezone", "hour", "zone"),
    [
        ("2025-10-10T12:00:00+09:00", None, 12, "+09:00"),
        ("2025-10-10T12:00:00+09:00", "UTC", 3, "UTC"),
        ("2025-10-10T12:00:00Z", "Asia/Seoul", 21, "Asia/Seoul"),
        ("2025-10-10T12:00:00Z", "-03:30", 8.5, "-03:30"),
        ("1760097600", "Asia/Seoul", 21, "Asia/Seoul"),
        ("2025-10-10 12:00:00", "Asia/Seoul", 12, "Asia/Seoul"),
        ("2025-10-10 12:00:00", None, 12, "local"),
    ],
)
def test_hours_are_those_of_the_local_day(read, stamp, timezone, hour, zone):
    trace = read(f"time\n{stamp}\n{stamp}\n", timezone=timezone)
    assert trace.times_s[0] == near(hour * 3600)
    assert trace.zone == zone


def test_zones_that_differ_are_put_on_one_clock_and_noted(read):
    trace = read("time\n2025-10-10T12:00:00+09:00\n2025-10-10T03:00:07Z\n")
    assert list(trace.times_s) == near([3 * 3600, 3 * 3600 + 7])
    assert "trace.zones" in codes(trace)


CHANGES = {
    "spring": ("America/New_York", datetime(2024, 3, 3, 17, tzinfo=UTC), 7, -1),
    "autumn": ("America/New_York", datetime(2024, 10, 27, 16, tzinfo=UTC), 7, 1),
    "spring in Berlin": ("Europe/Berlin", datetime(2025, 3, 23, 11, tzinfo=UTC), 7, -1),
    "half an hour": ("Australia/Lord_Howe", datetime(2025, 3, 30, 1, tzinfo=UTC), 7, 0.5),
}


@pytest.mark.parametrize("name", CHANGES)
def test_noon_is_noon_on_both_sides_of_a_clock_change(read, name):
    """A request every half hour of 12 to 13 h on each of 14 days, as UTC has them."""
    zone, noon, before, later_h = CHANGES[name]
    stamps = [
        noon + timedelta(days=day, minutes=minute, hours=later_h * (day >= before))
        for day in range(14)
        for minute in (0, 30)
    ]
    trace = read("time\n" + "".join(f"{stamp:%Y-%m-%dT%H:%M:%SZ}\n" for stamp in stamps), timezone=zone)
    assert "trace.clock-change" in codes(trace)
    assert list(trace.times_s) == near([day * 86400 + 43200 + half for day in range(14) for half in (0, 1800)])


@pytest.mark.parametrize(("first", "hours"), [("2024-11-02", 25), ("2024-03-09", 23)])
def test_every_request_of_the_night_of_a_change_is_kept_in_order_with_its_columns(read, first, hours):
    """One every ten minutes of three days, each named by its place: the local clock read off by the zone itself."""
    begin = datetime.fromisoformat(first).replace(tzinfo=ZoneInfo("America/New_York")).astimezone(UTC)
    stamps = [begin + timedelta(minutes=10 * place) for place in range((48 + hours) * 6)]
    rows = "".join(f"{stamp:%Y-%m-%dT%H:%M:%SZ},{place}\n" for place, stamp in enumerate(stamps))
    trace = read("time,duration_s\n" + rows, timezone="America/New_York")
    assert list(trace.times_s) == sorted(trace.times_s)
    assert sorted(trace.service_s) == [float(place) for place in range(len(stamps))]
    for time_s, place in zip(trace.times_s, trace.service_s, strict=True):
        wall = stamps[int(place)].astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
        assert datetime.fromisoformat(first) + timedelta(seconds=round(time_s)) == wall
    assert trace.span_s == (trace.times_s[0], trace.times_s[-1])
    by_hour = [sum(24 + hour <= time_s / 3600 < 25 + hour for time_s in trace.times_s) for hour in range(24)]
    assert [count for count in by_hour if count != 6] == [12 if hours == 25 else 0]


def test_an_hour_within_a_clock_change_keeps_its_length(read):
    trace = read("time\n2024-11-03T05:30:00Z\n2024-11-03T06:10:00Z\n", timezone="America/New_York")
    assert list(trace.times_s) == near([5400, 5400 + 2400])
    assert "trace.clock-kept" in codes(trace)


def test_seconds_from_a_start_of_their_own_begin_at_midnight(read):
    trace = read("timestamp,duration\n0.5,1\n12.25,2\n")
    assert list(trace.times_s) == [0.5, 12.25]
    assert trace.first_day is None
    assert "trace.relative" in codes(trace)


def test_milliseconds_from_a_start_need_to_be_said(read):
    assert list(read("timestamp\n500\n12250\n", columns=("time_ms=timestamp",)).times_s) == near([0.5, 12.25])


COLUMNS = {
    "duration": ("duration", "3", 3.0),
    "ms in the name": ("duration_ms", "3000", 3.0),
    "ms in brackets": ("Duration (ms)", "3000", 3.0),
    "camel case": ("responseTimeMs", "3000", 3.0),
    "microseconds": ("latency_us", "3e6", 3.0),
    "nanoseconds": ("elapsed_ns", "3000000000", 3.0),
    "RunPod": ("executionTime", "3000", 3.0),
    "seconds": ("latency_seconds", "3", 3.0),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_durations_are_known_by_their_name_and_unit(read, kind):
    name, cell, seconds = COLUMNS[kind]
    trace = read(f"time,{name}\n2025-10-10 12:00:00,{cell}\n2025-10-10 12:00:01,{cell}\n")
    assert list(trace.service_s) == near([seconds, seconds])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_with_tokens_and_names(read, delimiter):
    rows = [
        ["TIMESTAMP", "ContextTokens", "GeneratedTokens", "user_id"],
        ["2025-10-10 12:00:00", "374", "44", "ann"],
        ["2025-10-10 12:00:03", "396", "109", "bob"],
        ["2025-10-10 12:00:09", "1", "2", "ann"],
    ]
    trace = read("\n".join(delimiter.join(row) for row in rows))
    assert list(trace.input_tokens) == [374, 396, 1]
    assert list(trace.output_tokens) == [44, 109, 2]
    assert list(trace.session) == [0, 1, 0]


def test_a_file_without_a_header_has_its_first_stamp_for_a_time(read):
    trace = read("7,2025-10-10 12:00:00,x\n8,2025-10-10 12:00:02,y\n", columns=("service_ms=1", "session=3"))
    assert list(trace.times_s) == near([NOON_S, NOON_S + 2])
    assert list(trace.service_s) == near([0.007, 0.008])
    assert list(trace.session) == [0, 1]


def test_named_columns_come_before_known_ones(read):
    text = (
        "timestamp,started,took\n2025-10-10 13:00:00,2025-10-10 12:00:00,5\n2025-10-10 13:00:00,2025-10-10 12:00:01,6\n"
    )
    trace = read(text, columns=("time=started", "service_ms=took"))
    assert list(trace.times_s) == near([NOON_S, NOON_S + 1])
    assert list(trace.service_s) == near([0.005, 0.006])


def test_beginning_and_end_give_a_duration_and_an_end_alone_a_beginning(read):
    both = read(
        "start_time,end_time\n2025-10-10 12:00:00,2025-10-10 12:00:03\n2025-10-10 12:00:04,2025-10-10 12:00:05\n"
    )
    assert list(both.service_s) == near([3, 1])
    ends = read("app,func,end_timestamp,duration\na,f,10.5,0.5\na,f,12.0,3.0\n")
    assert list(ends.times_s) == near([9.0, 10.0])
    assert "trace.at-end" in codes(ends)


def test_starts_are_flags_times_or_delays(read):
    flags = read("time,duration,cold\n1,2,true\n2,2,False\n3,2,\n")
    assert list(flags.start_s) == [STARTED, 0.0, 0.0]
    times = read("time,init_duration_ms\n1,1500\n2,\n3,-\n")
    assert list(times.start_s) == near([1.5, 0, 0])
    assert list(read("time,cold_start_ms\n1,1500\n2,0\n").start_s) == near([1.5, 0])
    delays = read("createdAt,delayTime,executionTime\n2025-01-01T00:00:00Z,20000,3000\n2025-01-01T00:10:00Z,120,3100\n")
    assert list(delays.delay_s) == near([20.0, 0.12])


def test_quoted_cells_may_hold_delimiters_and_line_ends(read):
    text = 'time,prompt,duration\n2025-10-10 12:00:00,"a, ""b""\nsecond line",1\n2025-10-10 12:00:02,plain,2\n'
    trace = read(text)
    assert list(trace.times_s) == near([NOON_S, NOON_S + 2])
    assert list(trace.service_s) == [1, 2]


def test_nginx_lines_are_stamped_at_the_end(read):
    trace = read(NGINX)
    assert list(trace.times_s) == near([NOON_S + 0.75, NOON_S + 3.5, NOON_S + 8.99])
    assert list(trace.service_s) == near([0.25, 1.5, 0.01])
    assert list(trace.session) == [0, 1, 0]
    assert (trace.zone, trace.resolution_s, trace.service_is_response) == ("+09:00", 1.0, True)
    assert "trace.at-end" in codes(trace)


def test_nginx_without_request_time_says_so(read):
    trace = read("".join(line.rsplit('"', 1)[0] + '"\n' for line in NGINX.splitlines()))
    assert list(trace.times_s) == near([NOON_S + 1, NOON_S + 5, NOON_S + 9])
    assert trace.service_s is None
    assert "trace.at-end-unknown" in codes(trace)


def test_load_balancer_times_add_up_and_unserved_requests_are_counted(read):
    trace = read(ALB.format(times="0.100 0.050 0.030") + ALB.format(times="-1 -1 -1").replace(":00.2", ":09.2"))
    assert list(trace.service_s) == near([0.18, 0])
    assert trace.times_s[1] - trace.times_s[0] == near(9.18)
    assert dict(next(note for note in trace.notes if note.code == "trace.unserved").values) == {"count": 1}


def test_lambda_reports_tell_starts_and_instances(read):
    trace = read(LAMBDA)
    assert list(trace.times_s) == near([NOON_S + 1, NOON_S + 5])
    assert list(trace.service_s) == near([1.0, 0.25])
    assert list(trace.start_s) == near([0.5, 0])
    assert list(trace.instance) == [0, 1]


def test_k6_csv_has_one_request_for_each_duration(read):
    trace = read(K6_CSV)
    assert list(trace.service_s) == near([0.5, 0.25])
    assert trace.times_s[1] - trace.times_s[0] == near(4.25)
    assert trace.resolution_s == 1.0


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_k6_summary_gives_totals(tmp_path, wrapped):
    values = {
        "http_reqs": {"count": 6000, "rate": 100.0},
        "http_req_duration": {"avg": 120.5, "med": 100, "max": 900, "p(90)": 220, "p(95)": 300},
    }
    metrics = {name: {"type": "x", "values": inner} for name, inner in values.items()} if wrapped else values
    file = tmp_path / "summary.json"
    file.write_text(json.dumps({"root_group": {"name": ""}, "metrics": metrics}, indent=4))
    found = read_trace(file)
    assert isinstance(found, Totals)
    assert (found.requests, found.duration_s) == (6000, 60.0)
    assert found.mean_s == near(0.1205)
    assert list(found.quantiles_s) == [(0.5, 0.1), (0.9, near(0.22)), (0.95, near(0.3))]


def prometheus(*series: tuple[str, list[object]]) -> str:
    result = [{"metric": {"__name__": name}, "values": values} for name, values in series]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def test_a_prometheus_counter_restarts_and_series_are_summed(read):
    first = [[1700000000 + 60 * step, value] for step, value in enumerate(("10", "14", "14", "2", "5"))]
    second = [[1700000000 + 60 * step, value] for step, value in enumerate(("0", "1", "1", "NaN", "4"))]
    trace = read(prometheus(("http_requests_total", first), ("http_requests_total", second)))
    counts = [list(trace.times_s).count(trace.times_s[0] + 60 * step) for step in range(4)]
    assert counts == [5, 0, 2, 3]  # 4 + 1, 0 + 0, 2 after a restart, 3; the second's last is over a hole
    assert trace.resolution_s == 60.0
    assert trace.span_s[1] - trace.span_s[0] == 240


def test_a_prometheus_rate_keeps_parts_of_requests(read):
    values = [[1700000000 + 60 * step, "0.025"] for step in range(5)]
    trace = read(prometheus(("", values)))
    counts = [list(trace.times_s).count(1700000000 % 86400 + 60 * step) for step in range(4)]
    assert counts == [1, 2, 1, 2]  # 1.5 a minute
    forced = read(prometheus(("", [[1700000000, "1"], [1700000060, "4"]])), format="prometheus-rate")
    assert len(forced.times_s) == 240


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"__name__": "http_seconds_sum"}, "'http_seconds_sum', seconds added up"),
        (
            {"__name__": "http_seconds_bucket", "le": "1"},
            "'http_seconds_bucket', requests counted once for each bucket",
        ),
        ({"le": "+Inf"}, "'a label le', requests counted once for each bucket"),
    ],
)
def test_a_prometheus_histogram_is_asked_for_its_count(read, labels, found):
    values = [[1700000000 + 60 * step, str(step)] for step in range(5)]
    text = json.dumps({"status": "success", "data": {"result": [{"metric": labels, "values": values}]}})
    with pytest.raises(TraceError, match=rf"data\.result\[0\]\.metric: found {re.escape(found)}") as told:
        read(text)
    assert "_count or _total" in told.value.hint
    named = prometheus(("job:requests:rate_sum", values))
    assert len(read(named, format="prometheus-rate").times_s) == 60 * (1 + 2 + 3 + 4)  # whoever says that it is a rate


def test_a_prometheus_series_without_numbers_adds_nothing(read):
    values = [[1700000000 + 60 * step, str(10 * step)] for step in range(4)]
    silent = [[time_s, "NaN"] for time_s, _ in values]
    assert list(read(prometheus(("", silent), ("", values))).times_s) == list(read(prometheus(("", values))).times_s)
    one = [[1700000000, "7"], [1700000060, "NaN"]]
    assert list(read(prometheus(("", one), ("", values))).times_s) == list(read(prometheus(("", values))).times_s)


def test_json_lines_and_lists_find_inner_keys(read):
    rows = [
        {"timestamp": "2025-10-10T12:00:00Z", "usage": {"prompt_tokens": 12, "completion_tokens": 5}, "user": "a"},
        {"timestamp": "2025-10-10T12:00:07Z", "usage": {"prompt_tokens": 2, "completion_tokens": 50}, "user": "b"},
    ]
    for text in ("\n".join(map(json.dumps, rows)), json.dumps(rows, indent=1), json.dumps(rows)):
        trace = read(text)
        assert list(trace.times_s) == near([NOON_S, NOON_S + 7])
        assert list(trace.output_tokens) == [5, 50]
        assert list(trace.session) == [0, 1]


def test_gzip_windows_line_ends_and_byte_order_marks_change_nothing(read):
    text = "timestamp,duration\n2025-10-10 12:00:00,1\n2025-10-10 12:00:02.5,2\n"
    plain = read(text)
    for other in (gzip.compress(text.encode()), text.replace("\n", "\r\n"), "\ufeff" + text, text.rstrip("\n")):
        assert dataclasses.astuple(read(other)) == dataclasses.astuple(plain)


def test_unsorted_requests_are_put_in_order_with_their_columns(read):
    trace = read("time,duration\n5,0.5\n1,0.1\n3,0.3\n3,0.4\n")
    assert list(trace.times_s) == [1, 3, 3, 5]
    assert list(trace.service_s) == [0.1, 0.3, 0.4, 0.5]
    notes = {note.code: dict(note.values) for note in trace.notes}
    assert notes["trace.sorted"] == {"count": 3}
    assert notes["trace.ties"] == {"count": 1}


def test_far_out_of_order_is_sorted_too(read):
    count = 140_000
    trace = read("time,duration\n" + "".join(f"{count - place},{place % 7}\n" for place in range(count)))
    assert list(trace.times_s) == [float(place + 1) for place in range(count)]
    assert list(trace.service_s[:3]) == [(count - 1) % 7, (count - 2) % 7, (count - 3) % 7]


def test_copies_are_dropped_only_when_asked(read):
    text = "time,duration\n1,0.5\n1,0.5\n1,0.6\n2,0.5\n2,0.5\n"
    assert len(read(text).times_s) == 5
    dropped = read(text, drop_duplicates=True)
    assert list(dropped.times_s) == [1, 1, 2]
    assert dict(dropped.notes[-3].values) == {"count": 2} or "trace.copies" in codes(dropped)


def test_bad_lines_are_left_out_when_asked_and_counted(read):
    text = "time,duration\n2025-10-10 12:00:00,1\nyesterday,1\n2025-10-10 12:00:01,-1\n2025-10-10 12:00:02,1,9\n2025-10-10 12:00:03,2\n"
    trace = read(text, skip_bad=True)
    assert list(trace.service_s) == [1, 2]
    note = next(note for note in trace.notes if note.code == "trace.skipped")
    assert dict(note.values)["count"] == 3
    assert str(dict(note.values)["first"]).startswith("line ")


def test_a_last_line_that_was_cut_off_is_left_out(read):
    trace = read("time,duration\n2025-10-10 12:00:00,1\n2025-10-10 12:00:01,2\n2025-10-10 12")
    assert len(trace.times_s) == 2
    assert "trace.cut" in codes(trace)


def test_the_resolution_of_stamps_is_found(read):
    assert read("time\n" + "".join(f"{60 * place}\n" for place in range(30))).resolution_s == 60.0
    assert read("time\n" + "".join(f"{7 * place}\n" for place in range(30))).resolution_s == 1.0
    assert read("time\n1.001\n2.5\n7.203\n").resolution_s == 0.001
    assert read("time\n1.00101\n2.5\n7.203\n").resolution_s == 0.0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (NGINX, "nginx"),
        (ALB.format(times="0.1 0.2 0.3"), "alb"),
        (LAMBDA, "lambda"),
        (K6_CSV, "k6-csv"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "prometheus"),
        ('{\n  "metrics": {}}', "k6-summary"),
        ('{"ts": 1}\n{"ts": 2}\n', "jsonl"),
        ('[\n {"ts": 1}]', "json"),
        ("a,b\n1,2\n", "csv"),
        ("[10/Oct/2025:12:00:00 +0000]\n", "csv"),
    ],
)
def test_the_format_is_told_from_the_content(text, name):
    assert format_of(text) == name


requests = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=40 * 86_400 * 1000),
        st.floats(min_value=0, max_value=86_400, allow_nan=False),
        st.sampled_from(["ann", "bob", 'c"d', "e,f", "g h"]),
    ),
    min_size=1,
    max_size=30,
)
EPOCH_S = 1_700_000_000


@given(rows=requests, delimiter=st.sampled_from(",;\t"), style=st.sampled_from(["epoch", "iso", "zoned"]))
def test_what_is_written_as_csv_is_read_back(tmp_path_factory, rows, delimiter, style):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["timestamp", "duration_s", "user"])
    for at_ms, took_s, user in rows:
        writer.writerow([stamp(at_ms, style), repr(took_s), user])
    file = tmp_path_factory.mktemp("round") / "trace.csv"
    file.write_text(text.getvalue())
    assert_same(read_trace(file), rows)


@given(rows=requests)
def test_what_is_written_as_json_lines_is_read_back(tmp_path_factory, rows):
    lines = [json.dumps({"ts": stamp(at, "zoned"), "duration": took, "user": user}) for at, took, user in rows]
    file = tmp_path_factory.mktemp("round") / "trace.jsonl"
    file.write_text("\n".join(lines))
    assert_same(read_trace(file), rows)


def stamp(at_ms: int, style: str) -> str:
    from datetime import UTC, datetime, timedelta

    if style == "epoch":
        return f"{EPOCH_S + at_ms / 1000:.3f}"
    moment = datetime.fromtimestamp(EPOCH_S, tz=UTC) + timedelta(milliseconds=at_ms)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("" if style == "zoned" else "+00:00")


def assert_same(trace, rows) -> None:
    ordered = sorted(rows, key=lambda row: row[0])
    midnight_s = (EPOCH_S + ordered[0][0] / 1000) // 86_400 * 86_400
    assert list(trace.times_s) == near([EPOCH_S + at / 1000 - midnight_s for at, _, _ in ordered])
    assert list(trace.service_s) == [took for _, took, _ in ordered]
    names = dict(zip([row[2] for row in ordered], trace.session, strict=True))
    assert [names[row[2]] for row in ordered] == list(trace.session)
