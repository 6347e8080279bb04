"""Whatever is wrong with a trace ends in one message: where, what was found, what is allowed, what to do next."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.adapters.traces.collect import ReadOptions
from outgrow.adapters.traces.door import FORMATS, read_trace
from outgrow.domain.errors import TraceError
from outgrow.domain.trace import Totals, Trace

SKIP = "--skip-bad leaves such lines out, and counts them"
NAME_IT = "name it: --column time=NAME"
STAMPS = "ISO 8601, YYYY-MM-DD HH:MM:SS, epoch s, ms, us or ns, or 10/Oct/2000:13:55:36 -0700"
NGINX = '203.0.113.7 - - [10/Oct/2025:12:00:01 +0900] "GET /a HTTP/1.1" 200 2326 "-" "curl/8"{}\n'
PROMETHEUS = '{"status":"success","data":{"resultType":"matrix","result":[%s]}}'


@pytest.fixture
def refused(tmp_path):
    def message_of(text: str | bytes, name: str = "t.csv", **options: object) -> tuple[str, str | None]:
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(TraceError) as caught:
            read_trace(file, ReadOptions(**options))  # type: ignore[arg-type]
        return caught.value.message.replace(f"{tmp_path}/", ""), caught.value.hint

    return message_of


ROWS = {
    "negative": ("time,duration\n1,2\n2,-3\n3,1\n", "t.csv:3: duration: found '-3'; allowed is 0 to 86,400 s"),
    "absurd": ("time,took_ms\n1,2\n2,86400001\n", "t.csv:3: took_ms: found '86400001' ms; allowed is 0 to 86,400 s"),
    "not finite": ("time,duration\n1,nan\n", "t.csv:2: duration: found 'nan'; allowed is 0 to 86,400 s"),
    "infinite": ("time,duration\n1,2\n2,inf\n", "t.csv:3: duration: found 'inf'; allowed is 0 to 86,400 s"),
    "no number": ("time,duration\n1,2\n2,3s\n", "t.csv:3: duration: found '3s'; allowed is a number, 0 to 86,400 s"),
    "no duration": ("time,duration\n1,2\n2,\n", "t.csv:3: duration: found ''; allowed is a number, 0 to 86,400 s"),
    "tokens": ("time,input_tokens\n1,2\n2,-1\n", "t.csv:3: input_tokens: found '-1'; allowed is 0 to 1,000,000,000"),
    "flag": ("time,cold\n1,yes\n2,maybe\n", "t.csv:3: cold: found 'maybe'; allowed is true or false"),
    "ends first": (
        "start_time,end_time\n1,2\n5,4\n",
        "t.csv:3: it ends before it begins, or takes over 86,400 s",
    ),
    "too few cells": ("time,duration\n1,2\n2\n3,1\n", "t.csv:3: 1 cell; the first line has 2"),
    "too many cells": ("time,duration\n1,2\n2,3,4\n", "t.csv:3: 3 cells; the first line has 2"),
    "no stamp": (
        "time\n2025-10-10 12:00:00\nyesterday\n",
        f"t.csv:3: time: found 'yesterday'; allowed is {STAMPS}, all stamps of one kind",
    ),
    "first stamp": ("time,a\nyesterday,1\n", f"t.csv:2: time: found 'yesterday'; allowed is {STAMPS}"),
    "no such day": (
        "time\n2025-10-10 12:00:00\n2025-02-30 12:00:00\n",
        "t.csv:3: time: found '2025-02-30 12:00:00'; there is no such time",
    ),
    "no such second": (
        "time\n2025-10-10 12:00:00\n2025-10-10 12:00:75\n",
        "t.csv:3: time: found '2025-10-10 12:00:75'; there is no such time from 1970 to 2103",
    ),
    "units mixed": (
        "time\n1760097600\n1760097600000\n",
        "t.csv:3: time: found '1760097600000'; the stamps before count in s, which gives no day from 1970 to 2103",
    ),
    "kinds mixed": (
        "time\n1760097600\n2025-10-10 12:00:00\n",
        "t.csv:3: time: found '2025-10-10 12:00:00'; the stamps before are an epoch number",
    ),
    "negative stamp": (
        "time\n5\n-5\n",
        "t.csv:3: time: found '-5'; the stamps before count in s, which gives no day from 1970 to 2103",
    ),
    "json": ('{"ts": 1}\n{"ts": 2\n{"ts": 3}\n', "t.csv:2: not a JSON object"),
    "json kind": ('{"ts": 1}\n[2]\n{"ts": 3}\n', "t.csv:2: not a JSON object"),
    "nginx": (NGINX.format("") + "hello\n" + NGINX.format(""), "t.csv:2: no nginx line (combined format)"),
    "request time": (
        NGINX.format(" 0.5") + NGINX.format(" -"),
        "t.csv:2: request_time: found '-'; allowed is a number, 0 to 86,400 s",
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_line_that_cannot_be_used_is_named(refused, kind):
    text, message = ROWS[kind]
    assert refused(text) == (message, SKIP)


@pytest.mark.parametrize("kind", ROWS)
def test_such_lines_can_be_left_out(tmp_path, kind):
    file = tmp_path / "t.csv"
    file.write_text(ROWS[kind][0])
    try:
        trace = read_trace(file, ReadOptions(skip_bad=True))
    except TraceError as problem:
        assert problem.message == f"{file}: no request in it"
    else:
        skipped = next(note for note in trace.notes if note.code == "trace.skipped")
        assert dict(skipped.values)["count"] == 1


@pytest.mark.parametrize("first", ["1760097600", "2025-10-10 12:00:00", "0"])
def test_a_cell_of_five_million_digits_is_not_shown_whole(refused, first):
    message, _ = refused(f"time\n{first}\n{'1' * 5_000_000}\n")
    assert message.startswith("t.csv:3: time: found '1111")
    assert len(message) < 300


FILES = {
    "empty": ("", "t.csv: the file is empty", "is this the right file?"),
    "blank": (" \n\n", "t.csv: the file is empty", "is this the right file?"),
    "header only": ("time,duration\n", "t.csv: no request in it", "is this the right file, and the right --format?"),
    "binary": (b"time\x00\x01\n1\n", "t.csv: binary, not text", "traces are CSV, JSON or log lines, or those in gzip"),
    "utf-16": ("time\n1\n".encode("utf-16"), "t.csv: the text is UTF-16", "save it as UTF-8"),
    "no time": ("name,size\nx,y\n", "t.csv:1: no column says when requests came; columns: 'name', 'size'", NAME_IT),
    "no names": (
        "x,1\ny,2\n",
        "t.csv:1: no column names, and no cell that is a time stamp: 'x', '1'",
        "name the column by its number: --column time=1",
    ),
    "zones mixed": (
        "time\n2025-10-10 12:00:00\n2025-10-10 12:00:01Z\n",
        "t.csv:3: found '2025-10-10 12:00:01Z' with a zone; line 2 has '2025-10-10 12:00:00' without one",
        "write all stamps with a zone, or all without and say --timezone",
    ),
    "no prometheus samples": (
        PROMETHEUS % "",
        "t.csv: the query found no samples",
        "widen its range, or check its metric",
    ),
    "a failed query": (
        '{"status":"error","error":"timeout"}',
        "t.csv: the query failed: timeout",
        None,
    ),
    "an instant query": (
        '{"status":"success","data":{"resultType":"vector","result":[]}}',
        "t.csv: no range of samples in it",
        "export /api/v1/query_range, not /api/v1/query",
    ),
    "a bad sample": (
        PROMETHEUS % '{"metric":{},"values":[[1,"2"],[2,"x"]]}',
        't.csv: data.result[0].values[1]: found "[2, \'x\']"; expected [seconds, "value"]',
        None,
    ),
    "a summary without requests": (
        '{"metrics": {"http_reqs": {"count": 0, "rate": 0}}}',
        "t.csv: metrics.http_reqs has no count and rate above 0",
        "did the run send requests?",
    ),
    "a broken document": (
        '{"metrics": {',
        "t.csv:1: not JSON: Expecting property name enclosed in double quotes",
        None,
    ),
    "an impossible span": (
        "time\n1\n1700000000\n",
        "t.csv: from 1970-01-01 to 2023-11-14, over 50 years; a stamp must be wrong",
        "name the column: --column time=NAME, with time_ms, time_us or time_ns for a unit",
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_trace_is_said_to_be_none(refused, kind):
    text, message, hint = FILES[kind]
    assert refused(text) == (message, hint)


OPTIONS = {
    "format": ({"format": "ngnix"}, "--format: unknown format 'ngnix'; did you mean 'nginx'?"),
    "timezone": ({"timezone": "Asia/Soul"}, "--timezone: unknown zone 'Asia/Soul'; expected an IANA name"),
    "offset": ({"timezone": "+99:00"}, "--timezone: found '+99:00'; expected an IANA name"),
    "no equals": ({"columns": ("time",)}, "--column: found 'time'; expected KIND=NAME with KIND one of time, end"),
    "kind": ({"columns": ("servce=x",)}, "did you mean 'service'?"),
    "unit": ({"columns": ("session_ms=x",)}, "--column: found 'session_ms=x'; expected KIND=NAME"),
    "column": (
        {"columns": ("time=tme",)},
        "t.csv:1: no column 'tme'; columns: 'time', 'duration'; did you mean 'time'?",
    ),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_that_does_not_fit_is_explained(refused, kind):
    options, message = OPTIONS[kind]
    assert message in refused("time,duration\n1,2\n2,2\n", **options)[0]


def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("nowhere", "not found"), (".", "a folder; a trace is one file")):
        with pytest.raises(TraceError, match=message):
            read_trace(tmp_path / name)
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    with pytest.raises(TraceError, match="a pipe; a trace is read twice"):
        read_trace(tmp_path / "pipe")
    os.close(reader)


def test_a_truncated_gzip_file_says_how_far_it_went(refused):
    lines = b"".join(b"%d.%03d\n" % (at, at * 7919 % 1000) for at in range(200_000))
    packed = gzip.compress(b"time\n" + lines)
    message, hint = refused(packed[: len(packed) // 2])
    assert message.startswith("t.csv: the gzip file ends in the middle, after line ")
    assert int(message.rsplit(" ", 1)[1].replace(",", "")) > 10_000
    assert hint == "copy it again"
    assert refused(b"\x1f\x8b" + b"garbage" * 20)[0].startswith("t.csv: cannot be read")


def test_every_kind_of_log_refuses_what_is_not_its_own(refused):
    for name in FORMATS:
        if name != "csv":
            refused("hello,world\n1,2\n", format=name)


almost = st.text(alphabet='0123456789-:,.;TZ+eE_[]{}" \n\r\tatime', max_size=120).map(str.encode)


@given(st.binary(max_size=400) | almost | almost.map(lambda raw: b"time,duration\n2025-10-10 12:00:00,1\n" + raw))
def test_no_bytes_at_all_give_anything_but_a_trace_or_a_message(tmp_path_factory, raw):
    file = tmp_path_factory.mktemp("bytes") / "t.csv"
    file.write_bytes(raw)
    for name in (None, *FORMATS):
        try:
            found = read_trace(file, ReadOptions(format=name))
        except TraceError as problem:
            assert "t.csv" in problem.message
        else:
            assert isinstance(found, Trace | Totals)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "result", "values", "metrics", "http_reqs", "count", "rate", "ts"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(documents)
def test_no_json_at_all_gives_anything_but_a_trace_or_a_message(tmp_path_factory, document):
    file = tmp_path_factory.mktemp("json") / "t.csv"
    file.write_text(json.dumps(document))
    for name in (None, "json", "jsonl", "prometheus", "k6-summary"):
        try:
            found = read_trace(file, ReadOptions(format=name))
        except TraceError as problem:
            assert "t.csv" in problem.message
        else:
            assert isinstance(found, Trace | Totals)


def test_lines_that_end_in_cr_alone_are_told_in_words(refused):
    message, hint = refused("time,duration\r1,2\r2,3\r")
    assert message == "t.csv: lines end in CR alone"
    assert hint == "tr '\\r' '\\n' < OLD > NEW"


def test_a_gzip_file_with_a_wrong_sum_is_damaged(refused):
    packed = bytearray(gzip.compress(b"time,duration\n" + b"".join(b"%d,2\n" % at for at in range(9))))
    packed[-8] ^= 1
    message, hint = refused(bytes(packed), "t.csv.gz")
    assert message.startswith("t.csv.gz: cannot be read: the gzip file is damaged")
    assert hint == "copy it again"


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_a_named_pipe_nobody_writes_to_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceError, match="pipe: a pipe; a trace is read twice"):
        read_trace(tmp_path / "pipe")


def test_the_path_is_named_as_it_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("logs").mkdir()
    Path("logs/t.csv").write_text("time,duration\n1,2\n2,x\n3,1\n")
    with pytest.raises(TraceError, match=r"^logs/t\.csv:3: duration: found 'x'"):
        read_trace(Path("logs/t.csv"))


def test_digits_of_other_scripts_are_no_stamp(refused):
    assert refused("time\n١٧٦٠٠٩٧٦٠٠\n")[0].startswith("t.csv:2: time: found '١٧٦٠٠٩٧٦٠٠'; allowed is ISO 8601")
