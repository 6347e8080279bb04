-- Jobs: one row is the whole truth about one call of a task. Its tries (attempt) carry what was metered; budgets are
-- reserved before a try and settled when it ends; every change leaves an event. Money is whole micro-dollars.
create table outgrow.job (
    id              uuid primary key,
    task            text not null,
    state           text not null default 'queued',
    data            text not null,
    priority        integer not null default 0,
    created_at      timestamptz not null default now(),
    run_at          timestamptz not null default now(),
    attempt         integer not null default 0 check (attempt >= 0),
    max_attempts    integer not null check (max_attempts >= 1),
    fence           bigint not null default 0,
    lease_until     timestamptz,
    leased_at       timestamptz,
    worker          text,
    backend         text,
    external_id     text,
    key             text,
    by_user         text,
    idempotency_key text,
    digest          bytea,
    error           text,
    finished_at     timestamptz,
    media_type      text not null,
    payload         json,
    payload_data    bytea,
    progress        json,
    result          json,
    constraint job_state check (state in ('queued', 'leased', 'submitted', 'succeeded', 'dead', 'cancelled')),
    constraint job_end check ((state in ('succeeded', 'dead', 'cancelled')) = (finished_at is not null)),
    constraint job_lease check (
        (state in ('leased', 'submitted'))
        = (lease_until is not null and leased_at is not null and worker is not null)
        and (lease_until is null) = (worker is null) and (lease_until is null) = (leased_at is null)
    ),
    constraint job_submitted check (state <> 'submitted' or backend is not null),
    constraint job_result check (result is null or state = 'succeeded'),
    constraint job_digest check ((idempotency_key is null) = (digest is null)),
    constraint job_payload check (payload is null or payload_data is null)
) with (
    fillfactor = 80, -- a renewed lease and progress are written beside the row they replace
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 500,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_cost_delay = 0
);

-- What is claimed next. The task stands last so that those of a task with no place free are passed without a visit.
create index job_ready on outgrow.job (priority desc, run_at, id, task) where state = 'queued';
-- Few rows at any time; lease_until is not in it, so that a renewal touches no index.
create index job_running on outgrow.job (id) where state in ('leased', 'submitted');
create index job_dead on outgrow.job (id) where state = 'dead';
create index job_key on outgrow.job (key, id) where key is not null;
create index job_finished on outgrow.job (finished_at) where finished_at is not null;
create unique index job_idempotency on outgrow.job (key, idempotency_key) nulls not distinct
    where idempotency_key is not null;

-- One try that ended, by the fence that ran it: a job that is replayed counts its attempts anew, its fences go on.
create table outgrow.attempt (
    job            uuid not null,
    fence          bigint not null,
    attempt        integer not null,
    task           text not null,
    backend        text not null,
    external_id    text,
    rule           text not null,
    started_at     timestamptz not null,
    finished_at    timestamptz not null,
    ending         text not null check (
        ending in ('completed', 'failed', 'rejected', 'timed-out', 'abandoned', 'lost')
    ),
    queue_s        double precision not null check (queue_s >= 0),
    cold_s         double precision check (cold_s >= 0),
    execution_s    double precision not null check (execution_s >= 0),
    billed_s       double precision not null check (billed_s >= 0),
    input_tokens   bigint not null check (input_tokens >= 0),
    output_tokens  bigint not null check (output_tokens >= 0),
    worker         text,
    cost_usd_micro bigint not null check (cost_usd_micro >= 0),
    error          text,
    primary key (job, fence)
);
create index attempt_finished on outgrow.attempt (finished_at);
-- One run at a provider is metered once, whoever saw its end.
create unique index attempt_external on outgrow.attempt (backend, external_id)
    where external_id is not null and ending <> 'lost';

-- The limit of one period. The cap is as it was last asked for; what is settled may go over it, what is held may not.
create table outgrow.budget (
    name       text collate "C" primary key,
    period     text not null check (period in ('day', 'month')),
    starts     timestamptz not null,
    task       text,
    key        text,
    cap_micro  bigint not null check (cap_micro >= 0),
    spent_micro bigint not null default 0 check (spent_micro >= 0),
    held_micro bigint not null default 0 check (held_micro >= 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);

-- What a call under way holds. lost_at: since when nobody follows it and its cost is unknown.
create table outgrow.hold (
    owner     uuid not null,
    fence     bigint not null,
    budget    text collate "C" not null,
    usd_micro bigint not null check (usd_micro > 0),
    held_at   timestamptz not null default now(),
    lost_at   timestamptz,
    primary key (owner, fence, budget)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index hold_lost on outgrow.hold (lost_at) where lost_at is not null;

create table outgrow.event (
    id   bigint generated always as identity primary key,
    job  uuid not null,
    key  text,
    at   timestamptz not null default clock_timestamp(),
    kind text not null,
    data json not null
) with (autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);
create index event_job on outgrow.event (job, id);
create index event_key on outgrow.event (key, id) where key is not null;
create index event_at on outgrow.event using brin (at);
