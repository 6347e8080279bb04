"""Measured times as people have them: a list, a table, a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from outgrow.adapters.traces.times import MOST_KEPT, SERVICE, START, read_times
from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def times(tmp_path: Path):
    def read(text: str, kind: str = START) -> tuple[float, ...]:
        file = tmp_path / "times.csv"
        file.write_text(text)
        return read_times(file, kind)

    return read


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("31.5\n60\n120.25\n", (31.5, 60, 120.25)),
        ("cold_start_s\n31.5\n60\n", (31.5, 60)),
        ("ms\n31500\n60000\n", (31.5, 60)),
        ("coldStartMs\n31500\n\n60000\n", (31.5, 60)),
        ("when,cold_start_ms,model\na,31500,x\nb,60000,y\n", (31.5, 60)),
        ("worker;init duration (ms)\n1;2000\n2;\n3;4000\n", (2, 4)),
        ("timestamp,initDuration,duration\n2026-01-01T00:00:00,3,9\n2026-01-01T00:01:00,,8\n", (3,)),
        ("name,seconds,duration\na,9,31.5\nb,9,60\n", (31.5, 60)),
        ('name,duration\n"a, b",31.5\n"c",60\n', (31.5, 60)),
        ("0\n0\n31.5\n", (31.5,)),
        ('{"ts": 1767225600, "cold_start_s": 12}\n{"ts": 1767225700, "cold_start_s": 0}\n', (12,)),
    ],
)
def test_cold_starts_are_read_from_what_people_have(times, text, found):
    assert times(text) == pytest.approx(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.5\n0\n2\n", (1.5, 0, 2)),
        ("time,execution_ms\n2026-01-01,1500\n2026-01-02,2000\n", (1.5, 2)),
        ("request,executionTime\n1,1500\n2,2000\n", (1.5, 2)),  # RunPod counts in milliseconds
        ("a,latency_s\nx,1.5\ny,2\n", (1.5, 2)),
    ],
)
def test_service_times_are_read_from_what_people_have(times, text, found):
    assert times(text, SERVICE) == pytest.approx(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("31\nsoon\n", "times.csv:2: found 'soon'; allowed is a time of 0 to 86,400 s"),
        ("cold_start_s\n31\n-4\n", "times.csv:3: found '-4'"),
        ("cold_start_s\n31\ninf\n", "times.csv:3: found 'inf'"),
        ("90000\n", "times.csv:1: found '90000'"),
        ("0\n0\n", "no cold start above 0 in it"),
        ("time,cold,duration\n2026-01-01,true,9\n2026-01-02,false,1\n", "no cold start above 0 in it"),
        ("a,b\n1,2\n", "times.csv:1: which column holds the cold starts.* found 'a', 'b'"),
        (
            "1,2\n3,4\n",
            "times.csv:1: which column holds the cold starts.* found no names, and 2 cells a line: '1', '2'",
        ),
        ("31\n1_0\n", "times.csv:2: found '1_0'"),
        ("31\n٤٥\n", "times.csv:2: found '٤٥'"),
    ],
)
def test_what_cannot_be_used_is_said_with_its_place(times, text, said):
    with pytest.raises(TraceError, match=said):
        times(text)


@pytest.mark.parametrize("text", ["1\nnan\n2\n", "1\n-\n2\n", "a,service_s\nx,\nx,2\n"])
def test_a_service_time_that_is_none_is_refused_as_in_a_trace(times, text):
    with pytest.raises(TraceError, match=r"times.csv:2: found '(nan|-|)'; allowed is a time of 0 to 86,400 s"):
        times(text, SERVICE)
    assert times("service_s\n1\n\n2\n", SERVICE) == (1, 2)


def test_the_question_is_about_the_column_that_holds_the_seconds(times):
    with pytest.raises(TraceError) as caught:
        times("name,value\na,1\n", SERVICE)
    assert "which column holds the service times" in caught.value.message
    assert caught.value.hint == "call it service_s, or give one number of seconds a line"


def test_of_very_many_times_some_are_kept(times):
    text = "".join(f"{1 + place % 100}\n" for place in range(3 * MOST_KEPT + 1))
    kept = times(text)
    assert len(kept) <= MOST_KEPT
    assert sum(kept) / len(kept) == pytest.approx(50.5, rel=0.05)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TraceError, match=r"gone\.csv: not found"):
        read_times(tmp_path / "gone.csv", START)
    with pytest.raises(TraceError) as caught:
        read_times(tmp_path / "gone.csv", SERVICE)
    assert caught.value.hint == "name a file with service times in it"
