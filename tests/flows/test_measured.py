"""A spec that names files of measured things: read from its folder, in the place of what was stated."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from outgrow.adapters.traces.collect import ReadOptions
from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.errors import SpecError, TraceError
from outgrow.domain.workload import Source
from outgrow.fit.process import Speeds
from outgrow.flows.check_record import check_record, check_spec
from outgrow.flows.decide_service import decide_service
from outgrow.flows.measured import Given
from outgrow.flows.question import Asked, open_spec

RECEIPTS = (Path(__file__).parents[2] / "examples/receipts/service.yaml").read_text()
STATED = "    cold_start_s: {low: 30, mid: 60, high: 120, source: guessed} # the number worth measuring first\n"
NAMED = "    cold_starts: logs/starts.csv\n    arrivals: {kind: trace, file: logs/requests.csv, timezone: Asia/Seoul}\n"


def requests_csv(days: int = 10, per_day: int = 30) -> str:
    """Every day from noon on, two minutes apart, three seconds of work in turn with five."""
    rows = [
        f"2026-03-{day + 1:02d}T{12 + place // 30:02d}:{2 * place % 60:02d}:00+09:00,{3 if place % 2 else 5}"
        for day in range(days)
        for place in range(per_day)
    ]
    return "\n".join(["timestamp,execution_s", *rows, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/requests.csv").write_text(requests_csv())
    (tmp_path / "logs/starts.csv").write_text("cold_start_s\n40\n50\n60\n70\n")
    assert STATED in RECEIPTS
    (tmp_path / "service.yaml").write_text(RECEIPTS.replace(STATED, NAMED))
    return tmp_path


def test_the_files_of_a_spec_are_read_from_its_folder(folder: Path) -> None:
    opened = open_spec(folder, Asked())
    (task,) = opened.service.inference
    assert task.arrivals.kind is ArrivalKind.TRACE
    assert len(task.arrivals.trace.times_s) == 300
    assert task.day_shape[12] == pytest.approx(1)
    assert task.requests_per_day == 50  # stated, and the trace is scaled to it
    assert task.service_s == 3  # stated, too
    assert task.cold_starts_s == (40, 50, 60, 70)
    assert task.cold_start_s == pytest.approx(55)
    assert task.cold_start_cv == pytest.approx(math.sqrt(125 / 3025), rel=0.2)
    (driver,) = [one for one in opened.service.drivers if one.path == "inference.receipts.cold_start_s"]
    assert driver.source is Source.MEASURED
    assert driver.mid == pytest.approx(55)
    assert driver.low < driver.mid < driver.high
    assert [entry["file"] for entry in opened.asked["files"]] == ["logs/requests.csv", "logs/starts.csv"]


def test_a_moved_mean_moves_the_measured_times(folder: Path) -> None:
    opened = open_spec(folder, Asked(moved={"inference.receipts.cold_start_s": 110}))
    cold = opened.market.context(opened.service).service.inference[0]
    assert (cold.cold_start_s, cold.cold_starts_s) == (110, (40, 50, 60, 70))


def test_a_record_of_measured_files_is_checked_with_them(folder: Path) -> None:
    record = decide_service(open_spec(folder, Asked()))
    assert [entry["file"] for entry in record["asked"]["files"]] == ["logs/requests.csv", "logs/starts.csv"]
    assert check_record(record, Asked(on=None), folder=folder)["changed_files"] == []
    with pytest.raises(TraceError, match=r"requests\.csv: not found"):
        check_record(record, Asked(), folder=folder / "logs")
    with pytest.raises(SpecError, match=r"names logs/requests\.csv, which is not here"):
        check_record(record, Asked())
    (folder / "logs/starts.csv").write_text("41\n50\n60\n70\n")
    found = check_record(record, Asked(), folder=folder)
    assert found["changed_files"] == ["logs/starts.csv"]
    assert found["status"] != "holds"
    assert check_spec(folder, Asked())["changed_files"] == []


def test_a_trace_of_the_command_line_brings_its_own_load_and_times(folder: Path) -> None:
    given = Given(trace=folder / "logs/requests.csv", scale=2.0, options=ReadOptions(timezone="Asia/Seoul"))
    (folder / "service.yaml").write_text(RECEIPTS)
    (task,) = open_spec(folder, Asked(files=given)).service.inference
    assert task.requests_per_day == 2 * 30  # of the eight days between the first and the last, which were seen whole
    assert task.service_s == pytest.approx(4, rel=0.01)
    assert task.service_cv == pytest.approx(0.25, rel=0.05)
    assert task.cold_start_s == 60  # the log does not say


def test_logged_starts_and_tokens_become_laws(folder: Path) -> None:
    file = folder / "logs/tokens.csv"
    rows = [f"2026-03-01 10:{minute:02d}:00,{minute % 7 + 1},100,{minute % 5 * 40}" for minute in range(60)]
    file.write_text("\n".join(["time,cold_start_s,prompt_tokens,completion_tokens", *rows, ""]))
    given = Given(trace=file, speeds=Speeds(input_per_s=1000, output_per_s=40))
    (folder / "service.yaml").write_text(RECEIPTS)
    (task,) = open_spec(folder, Asked(files=given)).service.inference
    assert task.service_s == pytest.approx(0.1 + 2.0, rel=1e-6)
    assert sorted(set(task.cold_starts_s)) == [1, 2, 3, 4, 5, 6, 7]
    assert task.cold_start_s == pytest.approx(sum(m % 7 + 1 for m in range(60)) / 60)


def test_what_callers_saw_is_not_taken_for_work(folder: Path) -> None:
    (folder / "logs/seen.csv").write_text(requests_csv().replace("execution_s", "latency_s"))
    given = Given(trace=folder / "logs/seen.csv")
    opened = open_spec(folder, Asked(files=given))
    assert opened.service.inference[0].service_s == 3
    assert "trace.spec-service" in [note.code for note in opened.measured[-1].notes]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Given(trace=Path("none.csv")), "none.csv: not found"),
        (Given(task="other", trace=Path("none.csv")), "--task: found 'other'; tasks: receipts"),
    ],
)
def test_files_that_cannot_be_used_are_named(folder: Path, given: Given, said: str) -> None:
    with pytest.raises((SpecError, TraceError), match=said):
        open_spec(folder, Asked(files=given))


def test_one_request_is_nothing_to_play(folder: Path) -> None:
    (folder / "logs/requests.csv").write_text("timestamp\n2026-03-01T12:00:00\n")
    with pytest.raises(TraceError, match="1 requests of one moment"):
        open_spec(folder, Asked())


@pytest.mark.parametrize(
    ("replaced", "said"),
    [
        (NAMED.replace("file: logs/requests.csv", "file: /etc/passwd"), "a path from the folder of the spec"),
        (NAMED.replace("kind: trace", "kind: poisson"), "goes with kind: trace; found kind: poisson"),
        (NAMED + "    cold_start_s: 60\n", "cold_starts has its own; give one or the other"),
        (NAMED + "    day_shape: office\n", "logs/requests.csv has its own; leave it out"),
        (NAMED + "    service_times: a.csv\n", "service_times has its own; give one or the other"),
    ],
)
def test_what_is_both_measured_and_stated_is_refused(folder: Path, replaced: str, said: str) -> None:
    (folder / "service.yaml").write_text(RECEIPTS.replace(STATED, replaced))
    with pytest.raises(SpecError, match=said):
        open_spec(folder, Asked())


def test_a_task_called_web_is_a_task(folder: Path) -> None:
    text = (folder / "service.yaml").read_text().replace("name: receipts\n", "name: web\n").replace(NAMED, STATED)
    (folder / "service.yaml").write_text(text)
    given = Given(trace=folder / "logs/requests.csv")
    (task,) = open_spec(folder, Asked(files=given)).service.inference
    assert (task.name, task.arrivals.kind) == ("web", ArrivalKind.TRACE)
