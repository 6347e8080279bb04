"""A refusal says why and when to come back, as RFC 9457 wants it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outgrow.domain.backend import Budget, Period
from outgrow.policy import refusal
from outgrow.policy.budget import Standing, budget_reached, ends
from outgrow.policy.refusal import KINDS, Code, Refused, headers, problem

from .gateways import NOW


def test_every_code_has_a_status_and_a_title():
    assert set(KINDS) == set(Code)
    assert all(400 <= status < 600 and title for status, title in KINDS.values())


def test_the_whole_problem():
    refused = budget_reached(
        [
            Standing(
                budget=Budget(usd_micro=1_000_000, period=Period.DAY, task="receipts"),
                spent_micro=900_000,
                held_micro=50_000,
            )
        ],
        126_350,
        NOW,
    )
    assert refused is not None
    assert problem(refused) == {
        "type": "/problems/budget-reached",
        "title": "A budget is used up",
        "status": 402,
        "detail": "0.90 of 1.00 USD a day for task receipts are spent and 0.05 held, this call may cost 0.12635; it begins "
        "anew at 2026-11-24 00:00 UTC",
        "rule": "budget day task=receipts",
        "retry_after_s": 43_200,
    }
    assert headers(refused) == {"Content-Type": "application/problem+json", "Retry-After": "43200"}


@pytest.mark.parametrize(
    ("spent", "held", "need", "retry"),
    [(0, 900_000, 200_000, 5.0), (0, 0, 1_000_001, None), (1_000_000, 0, 1, 7.5 * 86_400)],
)
def test_when_a_budget_comes_back(spent, held, need, retry):
    month = Standing(budget=Budget(usd_micro=1_000_000, period=Period.MONTH), spent_micro=spent, held_micro=held)
    refused = budget_reached([month], need, NOW)
    assert refused is not None
    assert refused.retry_after_s == retry
    assert budget_reached([month], month.left_micro, NOW) is None


def test_months_end_where_the_calendar_says():
    assert ends(Period.MONTH, datetime(2026, 12, 31, 23, 59, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert ends(Period.MONTH, datetime(2028, 1, 31, tzinfo=UTC)) == datetime(2028, 2, 1, tzinfo=UTC)
    assert ends(Period.DAY, datetime(2026, 2, 28, 5, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_wait_is_whole_seconds_and_never_none_of_them():
    assert headers(Refused(code=Code.RATE_LIMITED, detail="", retry_after_s=0.01))["Retry-After"] == "1"
    assert headers(Refused(code=Code.RATE_LIMITED, detail="", retry_after_s=2.1))["Retry-After"] == "3"
    assert "Retry-After" not in headers(Refused(code=Code.RATE_LIMITED, detail=""))
    assert headers(Refused(code=Code.BAD_KEY, detail=""))["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("refused", "status", "detail"),
    [
        (
            refusal.body_too_large(50_000_000, 10_000_000),
            413,
            "found 50,000,000 bytes, allowed: 10,000,000; send less, or a smaller image",
        ),
        (
            refusal.body_too_large(None, 10_000_000),
            413,
            "found more than 10,000,000 bytes, allowed: 10,000,000; send less, or a smaller image",
        ),
        (
            refusal.too_many_pixels(10_000, 10_000, 50_000_000),
            413,
            "found 10,000 x 10,000 = 100,000,000 pixels, allowed: 50,000,000; scale it down",
        ),
        (
            refusal.too_many_tokens("output", 9000, 1000, "chat"),
            422,
            "found up to 9,000 output tokens, allowed for task 'chat': 1,000",
        ),
        (refusal.slow_client(30.0), 408, "the body took longer than 30 s; send it again"),
        (refusal.queue_full(10_000, 12.2), 429, "10,000 jobs are waiting, which is as many as may"),
        (refusal.unsupported_type("text/x\nsh", ("image/png",)), 415, "found 'text/x?sh', allowed: image/png"),
        (
            refusal.idempotency_conflict("k" * 99),
            422,
            f"Idempotency-Key '{'k' * 57}...' was used with another task or body; use a new key for a new request",
        ),
    ],
)
def test_each_kind_in_words(refused, status, detail):
    assert (refused.status, refused.detail) == (status, detail)
