"""`/ui`: jobs live, a file dropped in and its result, spend against budget, health of backends; login by a key."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.responses import RedirectResponse, StreamingResponse

from outgrow.adapters.postgres.sessions import LIFE_S
from outgrow.domain.backend import Period
from outgrow.domain.job import ENDS
from outgrow.gateway.hub import Wanted
from outgrow.gateway.jobs import JobId, ask, owned
from outgrow.gateway.pages import chart, show
from outgrow.gateway.pages.entry import COOKIE, HOME, LOGIN, cookie
from outgrow.gateway.problem import Problem, not_found
from outgrow.gateway.progress import After, cursor_of, stream
from outgrow.gateway.runtime import Runtime, TheCaller, TheRuntime
from outgrow.policy.budget import ends, starts
from outgrow.policy.forecast import forecast
from outgrow.policy.health import FAILURES
from outgrow.policy.keys import digest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date, datetime

    from outgrow.adapters.postgres.events import Event
    from outgrow.adapters.postgres.figures import Did
    from outgrow.policy.budget import Standing

PAGES: Final = APIRouter(include_in_schema=False)
ROWS: Final = 50
PAUSE_S: Final = 0.1
"""Between two updates of the list: events that come meanwhile are written together."""

LATELY_S: Final = 86_400.0
REJECTED: Final = 20
DAY_S: Final = 86_400


@PAGES.get("/")
async def root() -> Response:
    """The pages are elsewhere, so that the cookie of a session is sent to them alone."""
    return RedirectResponse(HOME, HTTPStatus.SEE_OTHER)


@PAGES.get("/ui/static/{name}")
async def static(name: str) -> Response:
    """Style sheet, script and icon."""
    found = show.static(name)
    if found is None:
        raise not_found("file")
    return Response(found, media_type=show.MEDIA[name])


@PAGES.get(LOGIN)
async def login(request: Request) -> Response:
    """Asks for a key."""
    return show.page(request, "login", wrong=None)


@PAGES.post(LOGIN)
async def log_in(request: Request, runtime: TheRuntime) -> Response:
    """A session for the key, in a cookie no script can read."""
    sent = parse_qs(request.scope["body"].decode("utf-8", "replace"), max_num_fields=4).get("key", [""])[0].strip()
    try:
        await runtime.callers.who({"authorization": f"Bearer {sent}"})
    except Problem as problem:
        runtime.turned(problem, None)
        return show.page(request, "login", status=problem.status, wrong=problem)
    kept = await runtime.sessions.open(digest(sent))
    response = RedirectResponse(HOME, HTTPStatus.SEE_OTHER)
    secure = request.headers.get("origin", "").startswith("https:")
    response.set_cookie(COOKIE, kept, max_age=LIFE_S, path=HOME, httponly=True, samesite="lax", secure=secure)
    return response


@PAGES.post("/ui/logout")
async def log_out(request: Request, runtime: TheRuntime) -> Response:
    """Ends the session everywhere."""
    sent = cookie(request.headers, COOKIE)
    if sent is not None:
        await runtime.sessions.close(sent)
    response = RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path=HOME)
    return response


@PAGES.get(HOME)
async def jobs(request: Request, runtime: TheRuntime, caller: TheCaller) -> Response:
    """The newest jobs, kept up to date by `events`."""
    caller.must("jobs.read")
    after = await cursor_of(runtime, None)
    found = await runtime.store.list(key=caller.only, limit=ROWS)
    took = await runtime.figures.took([job.id for job in found])
    return show.page(request, "jobs", jobs=[(job, took.get(job.id)) for job in found], after=after, most=ROWS)


@PAGES.get("/ui/jobs/{job_id}")
async def job(request: Request, job_id: JobId, runtime: TheRuntime, caller: TheCaller) -> Response:
    """One job, kept up to date until it ends."""
    caller.must("jobs.read")
    after = await cursor_of(runtime, None)
    found = await owned(runtime, caller, job_id)
    took = (await runtime.figures.took([job_id])).get(job_id)
    return show.page(
        request, "job", job=found, took=took, ended=found.state in ENDS, done=show.fraction(found.progress), after=after
    )


@PAGES.get("/ui/events")
async def events(
    request: Request,
    runtime: TheRuntime,
    caller: TheCaller,
    after: After = 0,
    job: Annotated[JobId | None, Query()] = None,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,18}$")] = None,
) -> StreamingResponse:
    """The parts of a page that have changed, as server-sent events, already in HTML."""
    caller.must("jobs.read")
    if job is not None:
        await owned(runtime, caller, job)
    wanted = Wanted(job=job, key=None if job is not None else caller.only)
    cursor = int(last_event_id) if last_event_id else after
    return stream(runtime, wanted, cursor, _writer(request, runtime, wanted))


def _writer(request: Request, runtime: Runtime, wanted: Wanted) -> Callable[[list[Event]], Awaitable[str]]:
    """Writes the job, or those of the list that changed, as they stand now: two queries however many events."""

    async def write(page: list[Event]) -> str:
        changed = {event.job for event in page}
        if wanted.job is not None:
            one = await runtime.store.get(wanted.job)
            found = [] if one is None else [one]
        else:
            newest = await runtime.store.list(key=wanted.key, limit=ROWS)
            found = [job for job in reversed(newest) if job.id in changed]
        took = await runtime.figures.took([job.id for job in found])
        part = show.row if wanted.job is None else show.details
        reader, lines = show.reader_of(request), []
        for job in found:
            told = {
                "id": f"job-{job.id}",
                "html": part(reader, job, took.get(job.id)),
                "ended": wanted.job is not None and job.state in ENDS,
            }
            lines.append(f"id: {page[-1].id}\nevent: shown\ndata: {json.dumps(told)}\n\n")
        if wanted.job is None:
            await asyncio.sleep(PAUSE_S)
        return "".join(lines)

    return write


@PAGES.get("/ui/drop")
async def drop(request: Request, runtime: TheRuntime, caller: TheCaller) -> Response:
    """Takes a file."""
    caller.must("jobs.write")
    return _drop(request, runtime, None)


@PAGES.post("/ui/drop")
async def dropped(request: Request, runtime: TheRuntime, caller: TheCaller) -> Response:
    """The file becomes a job as any other; what is wrong with it is said on the page."""
    try:
        made = await ask(request, Response(), runtime, caller)
    except Problem as problem:
        runtime.turned(problem, caller.key)
        return _drop(request, runtime, problem)
    return RedirectResponse(f"{HOME}/jobs/{made.id}", HTTPStatus.SEE_OTHER)


def _drop(request: Request, runtime: Runtime, wrong: Problem | None) -> Response:
    may = request.scope["caller"].tasks
    tasks = [task.name for task in runtime.config.tasks if may is None or task.name in may]
    limits = runtime.config.limits
    status = HTTPStatus.OK if wrong is None else wrong.status
    return show.page(request, "drop", status=status, tasks=tasks, limits=limits, wrong=wrong)


@PAGES.get("/ui/spend")
async def spend(request: Request, runtime: TheRuntime, caller: TheCaller) -> Response:
    """Spent against budget, and where the month is going."""
    caller.must("metrics")
    reader = show.reader_of(request)
    standings = await runtime.spend.standings(runtime.config.budgets)
    begin, end = starts(Period.MONTH, reader.now), ends(Period.MONTH, reader.now)
    month = _month(await runtime.figures.days(begin), begin, end, reader.now, _cap(standings))
    return show.page(
        request,
        "spend",
        standings=standings,
        month=month,
        whole_days=len(month.days) - 1,
        wide=chart.month_svg(month, reader, chart.WIDE_PX),
        narrow=chart.month_svg(month, reader, chart.NARROW_PX),
    )


def _month(spent: dict[date, int], begin: datetime, end: datetime, now: datetime, cap: int | None) -> chart.Month:
    whole = (now - begin).days
    days = [spent.get((begin + timedelta(days=day)).date(), 0) for day in range(whole + 1)]
    elapsed, length = (now - begin).total_seconds() / DAY_S, (end - begin).days
    found = forecast(days[:-1], days[-1], elapsed, length)
    return chart.Month(begin=begin.date(), length=length, elapsed=elapsed, days=tuple(days), forecast=found, cap=cap)


def _cap(standings: Any) -> int | None:
    """The monthly budget of everything, where there is one."""
    every: list[Standing] = [
        one for one in standings
        if one.budget.period is Period.MONTH and one.budget.task is None and one.budget.key is None
    ]  # fmt: skip
    return min((one.budget.usd_micro for one in every), default=None)


@PAGES.get("/ui/backends")
async def backends(request: Request, runtime: TheRuntime, caller: TheCaller) -> Response:
    """How backends did in the last day, and what was refused."""
    caller.must("metrics")
    did = await runtime.figures.backends(LATELY_S)
    now = show.reader_of(request).now
    return show.page(
        request,
        "backends",
        backends=[(one, _state(did.get(one.name)), did.get(one.name)) for one in runtime.config.backends],
        out={
            name: health.out_until
            for name, health in runtime.health.items()
            if health.out_until is not None and health.out_until.astimezone(UTC) > now
        },
        rejected=await runtime.figures.rejected(LATELY_S, REJECTED),
        refusals=runtime.refusals.lately()[:REJECTED],
    )


def _state(did: Did | None) -> str:
    if did is None:
        return "quiet"
    return "well" if did.failures == 0 else "unsteady" if did.failures < FAILURES else "failing"
