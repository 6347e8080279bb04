-- API keys, of whose secrets only hashes are kept; and the log of who changed what.
create table outgrow.api_key (
    id          text primary key,
    name        text not null,
    sha256      text not null unique,
    shown       text not null,
    scopes      text[] not null,
    tasks       text[],
    created_at  timestamptz not null,
    expires_at  timestamptz,
    revoked_at  timestamptz,
    successor   text
);

-- One present secret a name: those before it were rotated, revoked, or have expired and say so.
create unique index api_key_present on outgrow.api_key (name) where successor is null and revoked_at is null;

create table outgrow.audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    actor    text not null,
    action   text not null,
    subject  text not null,
    detail   jsonb not null
);
