-- Who is logged in to the pages: the hash of a cookie, and the key it was given for. It ends when the key does.
create table outgrow.session (
    sha256      text primary key,
    key_sha256  text not null references outgrow.api_key (sha256) on delete cascade,
    expires_at  timestamptz not null
);
create index session_expires on outgrow.session (expires_at);
