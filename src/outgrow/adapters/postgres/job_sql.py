"""What `outgrow.adapters.postgres.jobs` asks of PostgreSQL, as text.

Locks are taken in one order, so that no two statements wait for each other: jobs by id, then budgets by name.
``run`` below is a job with the fence its worker holds: whatever a worker writes goes through it.
"""

from __future__ import annotations

from typing import Final

EVENT: Final = "outgrow_event"
WORK: Final = "outgrow_job"
STOP: Final = "outgrow_stop"
"""Channels: something happened; there is work; the job named is no longer wanted."""

HEAD: Final = (
    "id, task, state, data, priority, created_at, run_at, attempt, max_attempts, fence, lease_until, backend,"
    " external_id, key, by_user, result, error, progress, finished_at"
)
PAYLOAD: Final = "media_type, payload, payload_data"

_TOLD: Final = f"(select pg_notify('{EVENT}', ''))"

INSERT: Final = f"""
with made as (
    insert into outgrow.job (id, task, data, priority, run_at, max_attempts, key, by_user, idempotency_key, digest,
                             media_type, payload, payload_data)
    select id, task, data, priority, now() + delay_s * interval '1 s', max_attempts, key, by_user, idempotency_key,
           digest, media_type, payload::json, payload_data
    from unnest(%s::uuid[], %s::text[], %s::text[], %s::int[], %s::float8[], %s::int[], %s::text[], %s::text[],
                %s::text[], %s::bytea[], %s::text[], %s::text[], %s::bytea[])
        with ordinality as asked (id, task, data, priority, delay_s, max_attempts, key, by_user, idempotency_key,
                                  digest, media_type, payload, payload_data, place)
    order by asked.key, asked.idempotency_key, place
    on conflict (key, idempotency_key) where idempotency_key is not null do nothing
    returning {HEAD}
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, 'queued', json_build_object('attempt', 0) from made order by id
)
select {HEAD}, {_TOLD}, (select pg_notify('{WORK}', '')) from made
"""

SAME: Final = f"""
select {HEAD}, digest from outgrow.job
where key is not distinct from %s and idempotency_key = %s
"""

CLAIM: Final = f"""
with next as materialized (
    select id from outgrow.job
    where state = 'queued' and run_at <= now() and task = any(%s)
    order by priority desc, run_at, id limit %s for update skip locked
), mine as (
    update outgrow.job j
    set state = 'leased', attempt = attempt + 1, fence = fence + 1, worker = %s, leased_at = now(),
        lease_until = now() + %s * interval '1 s'
    from next where j.id = next.id
    returning j.*
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, 'leased', json_build_object('attempt', attempt) from mine order by id
)
select {HEAD}, {PAYLOAD}, {_TOLD} from mine order by priority desc, run_at, id
"""

_RUN: Final = "id = %(id)s and fence = %(fence)s and state in ('leased', 'submitted')"

RENEW: Final = """
update outgrow.job j set lease_until = now() + %s * interval '1 s'
from (
    select j.id from outgrow.job j join unnest(%s::uuid[], %s::bigint[]) as asked (id, fence) using (id, fence)
    where j.state in ('leased', 'submitted') order by j.id for no key update of j
) run
where j.id = run.id returning j.id, j.fence
"""

SUBMITTED: Final = f"""
with run as (
    update outgrow.job set state = 'submitted', backend = %(backend)s, external_id = %(external_id)s where {_RUN}
    returning id, key, attempt, backend
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, 'submitted', json_build_object('attempt', attempt, 'backend', backend) from run
)
select {_TOLD} from run
"""

PROGRESS: Final = f"""
with run as (update outgrow.job set progress = %(progress)s::json where {_RUN} returning id, key),
told as (insert into outgrow.event (job, key, kind, data) select id, key, 'progress', %(progress)s::json from run)
select {_TOLD} from run
"""

SETTLE: Final = """
gone as (delete from outgrow.hold h using settling s where h.owner = s.id and h.fence = s.fence returning h.*),
sums as (
    select g.budget as name, sum(g.usd_micro)::bigint as held, sum(s.cost)::bigint as cost
    from gone g join settling s on s.id = g.owner and s.fence = g.fence group by g.budget
), locked as materialized (
    select b.name from outgrow.budget b join sums using (name) order by b.name for no key update of b
), settled as (
    update outgrow.budget b set held_micro = b.held_micro - sums.held, spent_micro = b.spent_micro + sums.cost
    from sums join locked using (name) where b.name = sums.name
)"""
"""Takes the holds of ``settling (id, fence, cost)`` back and counts what was spent instead."""

_METERS: Final = """unnest(
    %(ids)s::uuid[], %(fences)s::bigint[], %(states)s::text[], %(results)s::text[], %(errors)s::text[],
    %(waits)s::float8[], %(unknown)s::boolean[], %(counted)s::boolean[], %(metered)s::boolean[],
    %(backends)s::text[], %(rules)s::text[], %(started)s::timestamptz[], %(finished)s::timestamptz[],
    %(endings)s::text[], %(queue)s::float8[], %(cold)s::float8[], %(execution)s::float8[], %(billed)s::float8[],
    %(inputs)s::bigint[], %(outputs)s::bigint[], %(workers)s::text[], %(costs)s::bigint[], %(meter_errors)s::text[]
) as asked (id, fence, state, result, error, wait_s, unknown, counted, metered, backend, rule, started_at,
            finished_at, ending, queue_s, cold_s, execution_s, billed_s, input_tokens, output_tokens, worker, cost,
            meter_error)"""

_ATTEMPT: Final = (
    "job, fence, attempt, task, backend, external_id, rule, started_at, finished_at, ending, queue_s, cold_s,"
    " execution_s, billed_s, input_tokens, output_tokens, worker, cost_usd_micro, error"
)

END: Final = f"""
with asked as materialized (select * from {_METERS}),
run as materialized (
    select j.id, j.fence, j.attempt as try, j.external_id as external,
           asked.unknown or (not asked.metered and (j.state = 'submitted' or j.external_id is not null)) as unknown,
           case when asked.state = 'queued' and asked.counted and j.attempt >= j.max_attempts then 'dead'
                else asked.state end as next
    from outgrow.job j join asked using (id, fence)
    where j.state in ('leased', 'submitted') order by j.id for no key update of j
), done as (
    update outgrow.job j
    set state = run.next, finished_at = case when run.next <> 'queued' then now() end,
        run_at = case when run.next = 'queued' then now() + a.wait_s * interval '1 s' else j.run_at end,
        attempt = case when a.counted then j.attempt else greatest(j.attempt - 1, 0) end,
        lease_until = null, leased_at = null, worker = null, result = a.result::json, error = a.error,
        backend = case when run.next = 'queued' and a.metered then null else coalesce(a.backend, j.backend) end,
        external_id = case when run.next = 'queued' and a.metered then null else j.external_id end
    from run join asked a using (id, fence)
    where j.id = run.id
    returning j.id, j.fence, j.key, j.task, run.try, run.next, run.external, a.wait_s, a.metered, run.unknown, a.cost,
              a.error
), metered as (
    insert into outgrow.attempt ({_ATTEMPT})
    select d.id, d.fence, d.try, d.task, a.backend, d.external, a.rule, a.started_at, a.finished_at, a.ending,
           a.queue_s, a.cold_s, a.execution_s, a.billed_s, a.input_tokens, a.output_tokens, a.worker, a.cost,
           a.meter_error
    from done d join asked a using (id, fence) where d.metered
    on conflict do nothing
    returning job as id, fence
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, next, json_strip_nulls(json_build_object('attempt', try, 'error', error,
        'retry_in_s', case when next = 'queued' then wait_s end)) from done order by id
), settling as (
    select d.id, d.fence, case when m.id is null then 0 else d.cost end as cost
    from done d left join metered m using (id, fence) where not d.unknown
),
{SETTLE}, lost as (
    update outgrow.hold h set lost_at = now() from done d where d.unknown and h.owner = d.id and h.fence = d.fence
)
select id, fence, {_TOLD},
       (select pg_notify('{WORK}', '') where exists (select from done where next = 'queued' and wait_s = 0))
from done
"""

ENDED: Final = """
select j.id, j.fence from outgrow.job j
join unnest(%s::uuid[], %s::bigint[], %s::text[]) as asked (id, fence, state) using (id, fence)
where j.state = asked.state or (j.state = 'dead' and asked.state = 'queued')
"""
"""Those that were ended as asked by this very fence: an answer that was lost with its connection is found again."""

LATE: Final = f"""
with asked as materialized (select * from {_METERS}),
known as materialized (
    select a.*, j.task, j.attempt, l.attempt as lost_attempt, l.external_id as lost_external
    from asked a join outgrow.job j using (id)
    left join outgrow.attempt l on l.job = a.id and l.fence = a.fence
    where j.state not in ('leased', 'submitted')
    or (j.fence <> a.fence and l.external_id is distinct from coalesce(j.external_id, ''))
    for no key update of j
), metered as (
    insert into outgrow.attempt as old ({_ATTEMPT})
    select id, fence, coalesce(lost_attempt, %(attempt)s), task, backend,
           coalesce(lost_external, %(external_id)s), rule, started_at, finished_at, ending, queue_s, cold_s,
           execution_s, billed_s, input_tokens, output_tokens, worker, cost, meter_error
    from known k
    where not exists (
        select from outgrow.attempt o where o.backend = k.backend and o.ending <> 'lost'
        and o.external_id = coalesce(k.lost_external, %(external_id)s)
    )
    on conflict (job, fence) do update
    set backend = excluded.backend, rule = excluded.rule, started_at = excluded.started_at,
        finished_at = excluded.finished_at, ending = excluded.ending, queue_s = excluded.queue_s,
        cold_s = excluded.cold_s, execution_s = excluded.execution_s, billed_s = excluded.billed_s,
        input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, worker = excluded.worker,
        cost_usd_micro = excluded.cost_usd_micro, error = excluded.error, external_id = excluded.external_id
    where old.ending = 'lost'
    returning job as id, fence
), settling as (select m.id, m.fence, k.cost from metered m join known k using (id, fence) where not k.unknown),
{SETTLE}
select id from metered
"""

_LOSE: Final = f"""
settling as (
    select id, old_fence as fence, 0::bigint as cost from lost where old_state = 'leased' and old_external is null
), {SETTLE}, kept as (
    update outgrow.hold h set lost_at = coalesce(lost_at, now()) from lost
    where not (old_state = 'leased' and old_external is null) and h.owner = lost.id and h.fence = old_fence
)"""

CANCEL: Final = f"""
with found as materialized (
    select id, fence, state, external_id from outgrow.job
    where id = %s and state in ('queued', 'leased', 'submitted') for no key update
), lost as (
    update outgrow.job j
    set state = 'cancelled', fence = j.fence + 1, finished_at = now(), lease_until = null, leased_at = null,
        worker = null
    from found where j.id = found.id
    returning j.*, found.fence as old_fence, found.state as old_state, found.external_id as old_external
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, 'cancelled', json_build_object('attempt', attempt) from lost
), {_LOSE}
select {HEAD}, {_TOLD}, (select pg_notify('{STOP}', %s)) from lost
"""

REPLAY: Final = f"""
with made as (
    update outgrow.job
    set state = 'queued', fence = fence + 1, attempt = 0, run_at = now(), finished_at = null, error = null,
        progress = null, backend = null, external_id = null
    where id = %s and state in ('dead', 'cancelled') returning *
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, 'queued', json_build_object('attempt', 0, 'why', 'replayed') from made
)
select {HEAD}, {_TOLD}, (select pg_notify('{WORK}', '')) from made
"""

SWEEP: Final = f"""
with late as materialized (
    select id, fence, state, external_id, leased_at, worker from outgrow.job
    where state in ('leased', 'submitted') and lease_until < now() order by id limit %s for no key update skip locked
), lost as (
    update outgrow.job j
    set state = case when j.attempt >= j.max_attempts then 'dead' else 'queued' end, fence = j.fence + 1,
        run_at = case when j.attempt >= j.max_attempts then j.run_at else now() end,
        finished_at = case when j.attempt >= j.max_attempts then now() end,
        lease_until = null, leased_at = null, worker = null, error = 'the worker was lost: its lease ran out'
    from late where j.id = late.id
    returning j.*, late.fence as old_fence, late.state as old_state, late.external_id as old_external,
              late.leased_at as old_leased_at, late.worker as old_worker
), metered as (
    insert into outgrow.attempt ({_ATTEMPT})
    select id, old_fence, attempt, task, coalesce(backend, ''), old_external, '', old_leased_at, now(), 'lost', 0,
           null, 0, 0, 0, 0, old_worker, 0, error
    from lost on conflict do nothing
), told as (
    insert into outgrow.event (job, key, kind, data)
    select id, key, state, json_build_object('attempt', attempt, 'error', error, 'why', 'lost') from lost order by id
), {_LOSE}
select id, {_TOLD}, (select pg_notify('{WORK}', '')) from lost
"""

NEXT_DUE: Final = """
select extract(epoch from min(run_at) - now())::float8 from outgrow.job
where state = 'queued' and task = any(%s) and run_at > now()
"""

WAITING: Final = "select task, count(*) from outgrow.job where state = 'queued' group by task"

PRUNE: Final = """
with old as (
    select id from outgrow.job where finished_at < now() - %s * interval '1 s' order by finished_at limit %s
    for no key update skip locked
), events as (delete from outgrow.event e using old where e.job = old.id)
delete from outgrow.job j using old where j.id = old.id returning j.id
"""
