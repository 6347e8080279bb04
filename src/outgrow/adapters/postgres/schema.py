"""The tables of a database as lines of text: equal lines, equal tables. And what is in them, as counts and sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA = "outgrow"

QUERY = """
with s as (select oid from pg_namespace where nspname = 'outgrow')
select 'extension ' || extname from pg_extension where extname <> 'plpgsql'
union all
select format('%s %s %s', case relkind when 'r' then 'table' when 'p' then 'partitioned' when 'v' then 'view'
                          when 'm' then 'matview' when 'S' then 'sequence' else relkind::text end, relname,
              coalesce((select array_agg(o order by o) from unnest(reloptions) o)::text, ''))
  from pg_class where relnamespace in (table s) and relkind in ('r', 'p', 'v', 'm', 'S')
union all
select format('column %s.%s %s%s default %s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
              case when a.attnotnull then ' not null' else '' end, pg_get_expr(d.adbin, d.adrelid),
              a.attidentity, a.attgenerated, coalesce(a.attoptions::text, ''))
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where c.relnamespace in (table s) and c.relkind in ('r', 'p', 'v', 'm')
union all
select format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint where connamespace in (table s) and contype <> 'n' -- a row of its own from PostgreSQL 18 on
union all
select 'index ' || pg_get_indexdef(i.indexrelid)
  from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace in (table s)
union all
select 'trigger ' || pg_get_triggerdef(t.oid)
  from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace in (table s) and not t.tgisinternal
union all
select 'function ' || pg_get_functiondef(oid) from pg_proc where pronamespace in (table s) and prokind in ('f', 'p')
union all
select format('view %s %s', relname, pg_get_viewdef(oid))
  from pg_class where relnamespace in (table s) and relkind in ('v', 'm')
union all
select format('type %s %s', t.typname, array_agg(e.enumlabel order by e.enumsortorder))
  from pg_type t join pg_enum e on e.enumtypid = t.oid where t.typnamespace in (table s) group by t.typname
union all
select format('policy %s.%s %s', polrelid::regclass, polname, pg_get_expr(polqual, polrelid))
  from pg_policy p join pg_class c on c.oid = p.polrelid where c.relnamespace in (table s)
"""


def lines(connection: Connection[Any]) -> tuple[str, ...]:
    """The schema ``outgrow`` and the extensions, sorted. The order of columns does not count: nothing relies on it."""
    return tuple(sorted(row[0] for row in connection.execute(QUERY)))


def contents(connection: Connection[Any]) -> dict[str, tuple[int, int]]:
    """Of each table of the schema: how many rows, and a sum over the text of all of them."""
    from psycopg import sql

    names = connection.execute(
        "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
        " where n.nspname = %s and c.relkind = 'r' order by c.relname",
        [SCHEMA],
    ).fetchall()
    found: dict[str, tuple[int, int]] = {}
    for (name,) in names:
        row = connection.execute(
            sql.SQL("select count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text from {} t").format(
                sql.Identifier(SCHEMA, name)
            )
        ).fetchone()
        if row is not None:
            found[name] = (int(row[0]), int(row[1]))
    return found
