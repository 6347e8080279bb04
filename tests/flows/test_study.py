"""Studies: the same months wherever and in whatever order they are played, interrupted or not."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from outgrow.adapters.spread import on_cluster, on_cores
from outgrow.adapters.study_store import StudyStore
from outgrow.decide.months import Row
from outgrow.domain.errors import NetworkError, SpecError
from outgrow.flows.question import Asked, open_spec
from outgrow.flows.study import PART_MONTHS, plan_study, run_study
from outgrow.flows.study_part import Part, play_part, row_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from outgrow.flows.study_part import Study

RECEIPTS = Path(__file__).parents[2] / "examples" / "receipts"
MONTHS = 3 * PART_MONTHS + 2
IN_TURN = on_cores(threads=True, cores=1)


@pytest.fixture(scope="module")
def study() -> Study:
    opened = open_spec(RECEIPTS, Asked())
    return plan_study(opened, only=["runpod-flex", "runpod-hybrid"], settings={}, replications=MONTHS)


@pytest.fixture(scope="module")
def result(study: Study) -> dict[str, Any]:
    return run_study(study, IN_TURN)


def test_a_study_says_what_it_played(study: Study, result: dict[str, Any]) -> None:
    assert result["study"]["months"] == MONTHS
    assert result["study"]["inputs_drawn"] == [
        "users.growth_per_month_frac", "inference.receipts.cold_start_s", "onprem.server_usd",
    ]  # fmt: skip
    flex, hybrid = result["options"]
    assert (flex["option"], hybrid["option"]) == ("runpod-flex", "runpod-hybrid")
    assert flex["settings"] == {"idle_timeout_s": 1.0}
    for option in (flex, hybrid):
        assert option["months"] == MONTHS
        for name in ("bill_usd", "p50_s", "p95_s", "p99_s", "cold_share", "utilisation_frac"):
            spread = option[name]
            assert 0 <= spread["low"] <= spread["median"] <= spread["high"]
        assert sum(option["endings"].values()) == pytest.approx(1)
    assert hybrid["p50_s"]["median"] < flex["p50_s"]["median"]


@pytest.mark.parametrize("threads", [True, False])
def test_threads_and_processes_give_what_one_core_gives(study: Study, result: dict[str, Any], *, threads: bool) -> None:
    assert run_study(study, on_cores(threads=threads, cores=2)) == result


def test_the_plain_kernel_gives_the_same_study(study: Study, result: dict[str, Any]) -> None:
    short = dataclasses.replace(study, replications=2)
    plain, compiled = (run_study(dataclasses.replace(short, engine=name), IN_TURN) for name in ("plain", None))
    assert plain["engine"] == "plain"
    assert {**plain, "engine": None} == {**compiled, "engine": None}


def test_options_live_through_the_same_months(study: Study) -> None:
    """Common random numbers: a month with much to do for one option has much to do for the other."""
    rows = [[row_from(month[place]) for month in play_part(Part(study=study, first=0, count=6))] for place in (0, 1)]
    assert [row.requests for row in rows[0]] == [row.requests for row in rows[1]]
    assert len({row.requests for row in rows[0]}) == 6


def test_an_interrupted_study_goes_on_where_it_stopped(study: Study, result: dict[str, Any], tmp_path: Path) -> None:
    store = StudyStore.beside(tmp_path / "study.json", study.identity)

    class StoppedError(Exception):
        pass

    def until(months: int) -> None:
        if months >= 2 * PART_MONTHS:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_study(study, IN_TURN, store, until)
    told: list[int] = []
    played: list[int] = []

    def counting(do: Any, items: Any) -> Iterator[Any]:
        for number, item in items:
            played.append(number)
            yield number, do(item)

    assert run_study(study, counting, store, told.append) == result
    assert (told[0], told[-1]) == (2 * PART_MONTHS, MONTHS)
    assert played == [2, 3]


def test_parts_of_another_study_are_thrown_away(study: Study, tmp_path: Path) -> None:
    other = dataclasses.replace(study, seed=study.seed + 1)
    store = StudyStore.beside(tmp_path / "study.json", other.identity)
    run_study(dataclasses.replace(other, replications=PART_MONTHS), IN_TURN, store)
    assert StudyStore.beside(tmp_path / "study.json", study.identity).begin() == {}


@pytest.mark.parametrize(
    "text",
    [
        *("[[", "[]", "{}", "null", "7", "[[1, 2]]", '{"a": {"b": 1}}', "[" * 9000 + "]" * 9000),
        json.dumps([[[1.0, [], "x", *([0.5] * 6), 1.0, [1, 0, 0, 0, 0]]] * 2] * PART_MONTHS),
        json.dumps([[[1.0, [], 5.0, *([0.5] * 6), 1.0, [1, 0, 0, 0, 0]]] * 3] * PART_MONTHS),
    ],
)
def test_a_part_that_is_none_is_played_again(text: str, study: Study, result: dict[str, Any], tmp_path: Path) -> None:
    store = StudyStore.beside(tmp_path / "study.json", study.identity)
    run_study(study, IN_TURN, store)
    (store.folder / "part-000001.json").write_text(text)
    assert run_study(study, IN_TURN, store) == result


def test_a_row_is_the_same_after_it_travelled() -> None:
    row = Row(3.5, ("budget",), 50.0, 3.0, math.inf, math.inf, 0.5, 0.6, 0.1, 1.0, (1.0, 0.0, 0.0, 0.0, 0.0))
    assert row_from(json.loads(json.dumps(dataclasses.astuple(row)))) == row


HYBRID = {"only": ["runpod-hybrid"]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"only": ["runpod-flexx"]}, "--option: unknown option 'runpod-flexx'; did you mean 'runpod-flex'?"),
        ({"only": ["cpu-local"]}, "--option cpu-local: cannot be built: no cpu.service_s in the spec"),
        ({"settings": {"idle": 5}}, "--setting: no option played here has 'idle'"),
        (
            {"settings": {"idle_timeout_s": "abc"}},
            "--setting: found idle_timeout_s=abc; allowed for runpod-flex is a n",
        ),
        (
            {"settings": {"idle_timeout_s": 0.5}},
            "--setting: runpod-flex cannot have idle_timeout_s=0.5; allowed is 1 to",
        ),
        (
            {**HYBRID, "settings": {"active_base": 5}},
            "--setting: runpod-hybrid cannot have active_base=5; allowed is 1",
        ),
        (
            {**HYBRID, "settings": {"active_base": 1.5}},
            "--setting: found active_base=1.5; allowed for runpod-hybrid is",
        ),
        (
            {**HYBRID, "settings": {"active_hours": 9}},
            "--setting: found active_hours=9; allowed for runpod-hybrid is t",
        ),
        ({**HYBRID, "settings": {"active_hours": "9-25"}}, "--setting: runpod-hybrid cannot have active_hours=9-25;"),
        ({"only": ["ec2-private"], "settings": {"nat": "foo"}}, "--setting: found nat=foo; allowed for ec2-private is"),
    ],
)
def test_what_cannot_be_played_is_refused(changes: dict[str, Any], said: str) -> None:
    opened = open_spec(RECEIPTS, Asked())
    with pytest.raises(SpecError) as caught:
        plan_study(opened, **{"only": ["runpod-flex"], "settings": {}, "replications": 1, **changes})
    assert caught.value.message.startswith(said)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A real Dask cluster on this machine: a scheduler and two worker processes."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None, silence_logs=50
    ) as made:
        yield made.scheduler_address.replace("tcp://", "dask://")


@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_what_this_machine_gives(study: Study, result: dict[str, Any], cluster: str) -> None:
    assert run_study(study, on_cluster(cluster)) == result


@pytest.mark.parametrize("address", ["ray://host:1", "dask://host", "dask://:8786", "dask://host:port", "dask://h:1/x"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(SpecError, match="a cluster is dask://HOST:PORT"):
        on_cluster(address)


def test_a_cluster_that_does_not_answer_is_said_so(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgrow.adapters.spread.CONNECT_S", 0.3)
    with pytest.raises(NetworkError, match="no Dask scheduler answers"):
        run_study(study, on_cluster("dask://127.0.0.1:9"))


@pytest.mark.filterwarnings("default")
def test_a_scheduler_that_is_killed_costs_no_part_and_no_traceback(
    study: Study,
    result: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("outgrow.adapters.spread.CONNECT_S", 2.0)
    monkeypatch.setattr("outgrow.adapters.spread.PARTS_PER_CORE", 1)
    place = tmp_path / "scheduler.json"
    words = {"scheduler": ["--port", "0", "--no-dashboard", "--host", "127.0.0.1"], "worker": ["--nthreads", "1"]}
    made = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(place), *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for kind, more in words.items()
    ]
    store = StudyStore.beside(tmp_path / "study.json", study.identity)

    def kill(months: int) -> None:
        if months:
            made[0].kill()

    try:
        until = time.monotonic() + 30
        while not place.exists() and time.monotonic() < until:
            time.sleep(0.05)
        address = json.loads(place.read_text())["address"].replace("tcp://", "dask://")
        with pytest.raises(NetworkError) as caught:
            _once_there_is_a_worker(lambda: run_study(study, on_cluster(address), store, kill))
    finally:
        for process in made:
            process.kill()
            process.wait()
    assert "the cluster went away in the middle" in caught.value.message
    assert caught.value.hint is not None
    assert "run the same command again" in caught.value.hint
    assert capfd.readouterr().err == ""
    assert store.begin().keys() == {0}
    assert run_study(study, IN_TURN, store) == result


def _once_there_is_a_worker(do: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            do()
        except NetworkError as problem:
            if "no workers" not in problem.message or time.monotonic() > until:
                raise
        time.sleep(0.1)
