"""The tables of outgrow, as numbered SQL files that are applied once and in order.

``NNNN_pre_what.sql`` is applied before new code runs and leaves the code before it working: it adds.
``NNNN_post_what.sql`` is applied when no old code runs any more: it removes, or tightens.

To add one: a file with a number above all others, in plain SQL, every name with its schema (``outgrow.job``). It runs
as one transaction together with the row that records it, so ``create index concurrently`` cannot stand in it. A file
that was released is never edited, not even its comments: its digest is recorded and compared. A table that turns over
fast says so where it is made::

    create table outgrow.job (...) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.02)
"""
