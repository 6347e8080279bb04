create table outgrow.collection (
    id integer generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    dimensions integer not null check (dimensions between 1 and 4000),
    metric text not null check (metric in ('cosine', 'l2', 'ip')),
    language text not null,
    embed_task text,
    created_at timestamptz not null default now()
);
comment on table outgrow.collection is 'Each row has a table of its own: outgrow.vectors_<id>';
