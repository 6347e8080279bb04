"""In which currency a receipt is, and in which order its country writes dates: from marks, words and numbers on it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from outgrow.receipts.dates import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the words on the receipt say about where it is from; None and 0 where they say nothing."""

    currency: str | None
    confidence: float
    order: Order | None


_HINTS: tuple[tuple[str, int, re.Pattern[str]], ...] = tuple(
    (currency, weight, re.compile(pattern))
    for currency, weight, pattern in (
        ("KRW", 3, r"₩|￦|KRW|\d\s?원|[가-힣]{2}"),
        ("KRW", 1, r"(?<!\d)\d{3}-\d{2}-\d{5}(?!\d)"),
        ("MYR", 4, r"(?i)\bRM\s?\d|\bRM\b|\(RM\)|MYR|RINGGIT"),
        ("MYR", 3, r"(?i)SDN\.?\s*BHD|\bSDN|\bBHD\b|JALAN|\bJLN\b|TAMAN|SELANGOR|JOHOR|KUALA LUMPUR|PENANG|MALAYSIA|KAWASAN|PERINDUSTRIAN|PETALING|MELAKA|PERAK|SABAH|SARAWAK"),
        ("SGD", 4, r"S\$|SGD|\bPTE\.?\s*LTD|SINGAPORE"),
        ("GBP", 4, r"£|GBP|\bVAT\s*(?:REG)?\.?\s*(?:NO\.?)?\s*:?\s*GB|UNITED KINGDOM|\bGB\s?\d{3}\s?\d{4}\s?\d{2}\b"),
        ("GBP", 2, r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b"),
        ("EUR", 4, r"€|\bEUR\b|EURO"),
        ("EUR", 2, r"(?i)\bMWST|\bGMBH|\bUST-?ID|\bTVA\b|\bS\.?A\.?R\.?L|\bIVA\b|\bSUMME\b"),
        ("JPY", 4, r"JPY|円|税込|[ぁ-んァ-ン]{3}|お釣"),
        ("CNY", 4, r"CNY|RMB|元|人民币"),
        ("AUD", 4, r"A\$|AUD|\bABN\b|AUSTRALIA|\bPTY\.?\s*LTD"),
        ("INR", 4, r"₹|\bRs\.?\s?\d|\bCGST|\bSGST|GSTIN|INDIA"),
        ("CAD", 4, r"C\$|CAD\b|CANADA|\bHST\b|\bPST\b"),
        ("USD", 4, r"US\$|\bUSD\b|(?i:sales tax|\bstate tax)"),
        ("USD", 3, r"\b[A-Z]{2},?\s+\d{5}(?:-\d{4})?\b(?!.*(?:JOHOR|SELANGOR|MALAYSIA))"),
        ("USD", 1, r"(?<![A-Z])\$\s?\d"),
    )
)  # fmt: skip
_YEAR_FIRST = {"KRW", "JPY", "CNY"}
_MONTH_FIRST = {"USD"}
NO_DECIMALS = frozenset({"KRW", "JPY"})
MOST = 12  # of one hint's weight: a word that repeats stays one hint


def place_of(texts: list[str]) -> Place:
    """The place most hints agree on. Hangul outweighs every mark: a Korean shop may print foreign words."""
    score: Counter[str] = Counter()
    for currency, weight, pattern in _HINTS:
        seen = sum(1 for text in texts if pattern.search(text))
        score[currency] += min(MOST if weight > 1 else 2, weight * seen)
    ranked = score.most_common(2)
    if not ranked or ranked[0][1] == 0:
        return Place(currency=None, confidence=0.0, order=None)
    currency, most = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0
    confidence = round(min(0.97, most / (most + second + 1.5)), 3)
    order = (
        Order.YEAR_FIRST
        if currency in _YEAR_FIRST
        else Order.MONTH_FIRST
        if currency in _MONTH_FIRST
        else None
        if currency == "CAD"
        else Order.DAY_FIRST
    )
    return Place(currency=currency, confidence=confidence, order=order)
