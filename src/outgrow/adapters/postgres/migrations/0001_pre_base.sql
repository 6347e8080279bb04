create schema outgrow;

create extension if not exists vector;

create table outgrow.migration (
    number integer primary key,
    name text not null,
    digest text not null,
    applied_at timestamptz not null default now()
);
