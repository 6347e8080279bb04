"""Whatever is done to jobs in whatever order, they are what a model of a few lines says they are; so is the money."""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.domain.backend import Budget, Period
from outgrow.domain.errors import Conflict
from outgrow.domain.job import AttemptEnding, Job, JobState, Meter, NewJob, Payload
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from uuid import UUID

    from outgrow.adapters.postgres.pool import Pool

CAP, COST = 1_000, 40
BUDGETS = (Budget(usd_micro=CAP, period=Period.MONTH), Budget(usd_micro=600, period=Period.MONTH, task="b"))
RUNNING = {JobState.LEASED, JobState.SUBMITTED}


def meter(job: Job, cost: int) -> Meter:
    now = datetime.now(UTC)
    return Meter(
        job=job.id,
        attempt=job.attempt,
        task=job.task,
        backend="gpu",
        rule="",
        started_at=now,
        finished_at=now,
        ending=AttemptEnding.COMPLETED,
        cost_usd_micro=cost,
    )


@dataclasses.dataclass
class Modelled:
    task: str
    tries: int
    state: JobState = JobState.QUEUED
    attempt: int = 0
    fence: int = 0
    external_id: str | None = None


@dataclasses.dataclass
class Held:
    task: str
    usd: int
    lost: bool = False


class Machine(RuleBasedStateMachine):
    """One example: a fresh table, a model beside it."""

    runner: ClassVar[asyncio.Runner]
    pool: ClassVar[Pool]
    store: ClassVar[JobStore]
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        for table in ("job", "attempt", "budget", "hold", "event"):
            self.sql(f"delete from outgrow.{table}")  # noqa: S608
        self.jobs: dict[UUID, Modelled] = {}
        self.by_key: dict[str, tuple[UUID, str]] = {}
        self.holds: dict[tuple[UUID, int], Held] = {}
        self.metered: set[tuple[UUID, int]] = set()
        self.externals: set[str] = set()
        self.spent = {"": 0, "b": 0}
        self.runs = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        async def ask() -> list[tuple[Any, ...]]:
            async with self.pool.connection() as connection:
                found = await connection.execute(text.encode(), values)
                return await found.fetchall() if found.description else []

        return list(self.do(ask()))

    def held(self, scope: str) -> int:
        return sum(one.usd for one in self.holds.values() if scope in {"", one.task})

    def ours(self, job: Job) -> bool:
        model = self.jobs[job.id]
        return model.fence == job.fence and model.state in RUNNING

    def settle(self, job: Job, cost: int) -> None:
        held = self.holds.pop((job.id, job.fence), None)
        if held is not None:
            self.spent[""] += cost
            self.spent["b"] += cost if held.task == "b" else 0

    def lose(self, id: UUID) -> None:  # noqa: A002
        """A lease ends without an answer: what was only leased had not left."""
        model = self.jobs[id]
        held = self.holds.get((id, model.fence))
        if held is not None:
            if model.state is JobState.LEASED and model.external_id is None:
                del self.holds[id, model.fence]
            else:
                held.lost = True
        model.fence += 1

    @rule(task=st.sampled_from("ab"), tries=st.integers(1, 3), key=st.sampled_from([None, None, "x", "y"]))
    def enqueue(self, task: str, tries: int, key: str | None) -> None:
        new = NewJob(
            task=task, payload=Payload(json=[task]), data=DataClass.PUBLIC, idempotency_key=key, max_attempts=tries
        )
        known = self.by_key.get(key or "")
        if known is not None and known[1] != f"{task}{tries}":
            with pytest.raises(Conflict):
                self.do(self.store.enqueue(new))
            return
        job, made = self.do(self.store.enqueue(new))
        assert made == (known is None)
        if known is not None:
            assert job.id == known[0]
            return
        self.jobs[job.id] = Modelled(task=task, tries=tries)
        if key is not None:
            self.by_key[key] = (job.id, f"{task}{tries}")

    @precondition(lambda self: any(one.state is JobState.QUEUED for one in self.jobs.values()))
    @rule(target=leases)
    def claim(self) -> Any:
        jobs = self.do(self.store.claim("w", ["a", "b"], 1, 60))
        assert len(jobs) == 1
        for job in jobs:
            model = self.jobs[job.id]
            assert model.state is JobState.QUEUED
            model.state, model.attempt, model.fence = JobState.LEASED, model.attempt + 1, model.fence + 1
            assert (job.attempt, job.fence, job.external_id) == (model.attempt, model.fence, model.external_id)
            assert job.payload == Payload(json=[model.task])
        return jobs[0]

    @rule(job=leases, usd=st.sampled_from([50, 200, 400]))
    def hold(self, job: Job, usd: int) -> None:
        model, mine = self.jobs[job.id], (job.id, job.fence)
        lost = [key for key, one in self.holds.items() if key[0] == job.id and one.lost]
        held = self.do(self.store.hold(job, usd, BUDGETS))
        if not self.ours(job):
            assert not held
        elif job.external_id is not None and lost:  # what is held for the run it follows is enough
            assert held
            self.holds[mine] = self.holds.pop(max(lost, key=lambda key: key[1]))
            self.holds[mine].lost = False
        elif mine in self.holds:
            assert held
        else:
            fits = self.spent[""] + self.held("") + usd <= CAP
            fits = fits and (model.task != "b" or self.spent["b"] + self.held("b") + usd <= 600)
            assert held == fits
            if fits:
                self.holds[mine] = Held(task=model.task, usd=usd)

    @rule(job=leases, named=st.booleans())
    def submitted(self, job: Job, *, named: bool) -> None:
        model = self.jobs[job.id]
        self.runs += 1
        name = (job.external_id or f"run{self.runs}") if named else job.external_id
        assert self.do(self.store.submitted(job, "gpu", name)) == self.ours(job)
        if self.ours(job):
            model.state, model.external_id = JobState.SUBMITTED, name

    @rule(job=leases)
    def renew(self, job: Job) -> None:
        assert self.do(self.store.renew(job, 60)) == self.ours(job)
        assert self.do(self.store.tell(job, {"page": 1})) == self.ours(job)

    @rule(job=consumes(leases))
    def release(self, job: Job) -> None:
        ours, mine = self.ours(job), (job.id, job.fence)
        assert self.do(self.store.release(job)) == ours
        if not ours:
            return
        model = self.jobs[job.id]
        if mine in self.holds and (model.state is JobState.SUBMITTED or model.external_id):
            self.holds[mine].lost = True
        else:
            self.holds.pop(mine, None)
        model.state, model.attempt = JobState.QUEUED, model.attempt - 1

    @rule(job=consumes(leases), how=st.sampled_from(["succeed", "retry", "dead", "unknown"]))
    def end(self, job: Job, how: str) -> None:
        model, ours, done = self.jobs[job.id], self.ours(job), meter(job, COST)
        if how == "succeed":
            said = self.do(self.store.succeed(job, {"ok": True}, done))
        else:
            again_s = None if how == "dead" else 0.0
            said = self.do(self.store.fail(job, "no", done, again_s, unknown=how == "unknown"))
        assert said == ours
        if not ours:
            return
        self.meter(job, model.external_id, unknown=how == "unknown")
        if how == "succeed":
            model.state = JobState.SUCCEEDED
        elif how == "dead" or model.attempt >= model.tries:
            model.state = JobState.DEAD
        else:
            model.state, model.external_id = JobState.QUEUED, None

    def meter(self, job: Job, external_id: str | None, *, unknown: bool) -> None:
        """A run at a provider is metered once; a hold whose cost is unknown stays."""
        mine, again = (job.id, job.fence), external_id in self.externals
        if not unknown:
            self.settle(job, 0 if again else COST)
        elif mine in self.holds:
            self.holds[mine].lost = True
        if not again:
            self.metered.add(mine)
        if external_id is not None:
            self.externals.add(external_id)

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def cancel(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.jobs)))
        model = self.jobs[id_]
        open_ = model.state in {JobState.QUEUED, *RUNNING}
        job = self.do(self.store.cancel(id_))
        assert (job is not None) == open_
        if open_:
            self.lose(id_)
            model.state = JobState.CANCELLED

    @rule(data=st.data())
    @precondition(lambda self: self.jobs)
    def replay(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.jobs)))
        model = self.jobs[id_]
        job = self.do(self.store.replay(id_))
        assert (job is not None) == (model.state in {JobState.DEAD, JobState.CANCELLED})
        if job is not None:
            model.state, model.attempt, model.external_id = JobState.QUEUED, 0, None
            model.fence += 1

    @rule(data=st.data())
    @precondition(lambda self: any(one.state in RUNNING for one in self.jobs.values()))
    def expire(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(key for key, one in self.jobs.items() if one.state in RUNNING)))
        self.sql("update outgrow.job set lease_until = now() - interval '1 s' where id = %s", id_)
        assert self.do(self.store.sweep()) == 1
        model = self.jobs[id_]
        self.metered.add((id_, model.fence))
        self.lose(id_)
        model.state = JobState.DEAD if model.attempt >= model.tries else JobState.QUEUED

    @invariant()
    def as_modelled(self) -> None:
        found = {row[0]: row[1:] for row in self.sql("select id, state, attempt, fence, external_id from outgrow.job")}
        assert found == {
            id_: (one.state.value, one.attempt, one.fence, one.external_id) for id_, one in self.jobs.items()
        }
        assert {(row[0], row[1]) for row in self.sql("select job, fence from outgrow.attempt")} == self.metered
        for scope, cap in (("", CAP), ("b", 600)):
            rows = self.sql("select spent_micro, held_micro from outgrow.budget where coalesce(task, '') = %s", scope)
            assert rows in ([], [(self.spent[scope], self.held(scope))])
            assert self.spent[scope] + self.held(scope) <= cap


def test_jobs_and_money_are_as_modelled(database: str) -> None:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        Machine.runner, Machine.pool = runner, runner.run(stack.enter_async_context(open_pool(database, most=2)))
        Machine.store = JobStore(Machine.pool)
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(max_examples=60, stateful_step_count=40, suppress_health_check=list(HealthCheck)),
            )
        finally:
            runner.run(stack.aclose())
