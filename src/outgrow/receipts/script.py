"""Which script a receipt is in, and what each line of it says after both engines were asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.receipts.lines import Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.receipts.engines import Piece

HANGUL = re.compile(r"[가-힣]")
_NOT_LATIN = re.compile(r"[^\x20-\x7e£€¥₩°×é]")
_KRW = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d.,])")
_CENTS = re.compile(r"\d[.,]\d{2}(?!\d)")
_BUSINESS = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{5}(?!\d)")
_CLEAN = re.compile(r"[\d.,:/\-\s*#()₩￦]+")
DOUBTFUL = 0.72
SURE = 0.9
SHARE_TO_ASK = 0.12  # doubtful lines from which tesseract is asked for a second opinion
SHARE_HANGUL = 0.3  # doubtful lines which, with amounts in won, are taken for Hangul when nobody can be asked
SHARE_CONFIRMED = 0.15  # lines with Hangul in them that make a receipt Korean
FEWEST = 2
FEWEST_DIGITS = 6  # of a date, a time, a number of a business: what the first engine reads better


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What the first engine's reading says about the script: shares of wide lines, and amounts of each kind."""

    doubtful: float
    blank: float
    won: int
    cents: int
    business: bool

    @property
    def worth_asking(self) -> bool:
        """Whether Hangul may be there."""
        return self.doubtful >= SHARE_TO_ASK or (self.business and self.won > self.cents)

    @property
    def hangul_likely(self) -> bool:
        """Whether Hangul is there as far as can be told without an engine that reads it."""
        korean_money = self.won > self.cents or (self.business and not self.cents)
        return (korean_money and self.doubtful >= SHARE_HANGUL) or (self.blank >= SHARE_HANGUL and self.cents < FEWEST)


def signs_of(pieces: Sequence[Piece]) -> Signs:
    """The signs of a page. A line that is found and read as nothing is the surest: the model knows no letter of it."""
    wide = [piece for piece in pieces if _is_wide(piece)]
    texts = [piece.text for piece in pieces]
    count = max(1, len(wide))
    return Signs(
        doubtful=sum(_is_doubtful(piece) for piece in wide) / count,
        blank=sum(not piece.text for piece in wide) / count,
        won=sum(len(_KRW.findall(text)) for text in texts),
        cents=sum(len(_CENTS.findall(text)) for text in texts),
        business=any(_BUSINESS.search(text) for text in texts),
    )


def is_korean(read: Sequence[tuple[str, float]]) -> bool:
    """Whether tesseract has seen Hangul on enough lines, and was sure of it."""
    seen = sum(1 for text, sure in read if len(HANGUL.findall(text)) >= FEWEST and sure >= 0.55)
    return seen >= FEWEST and seen >= SHARE_CONFIRMED * len(read)


def latin_lines(pieces: Sequence[Piece]) -> list[Line]:
    """The first engine's reading as it is."""
    return [Line(text=piece.text, confidence=piece.confidence, box=piece.box) for piece in pieces if piece.text]


def korean_lines(pieces: Sequence[Piece], read: Sequence[tuple[str, float]]) -> list[Line]:
    """Words from tesseract, numbers from the first engine where it is sure; nothing else of the first engine's."""
    lines: list[Line] = []
    for piece, (text, sure) in zip(pieces, read, strict=True):
        merged, confidence = _merged(piece, text, sure)
        if merged:
            lines.append(Line(text=merged, confidence=confidence, box=piece.box))
    return lines


def numbers_only(pieces: Sequence[Piece]) -> list[Line]:
    """What can be told of a Hangul receipt without Hangul: lines of digits the engine is sure of."""
    return [
        Line(text=_digits(piece.text), confidence=piece.confidence, box=piece.box)
        for piece in pieces
        if piece.confidence >= SURE and _CLEAN.fullmatch(_digits(piece.text) or "x")
    ]


def _merged(piece: Piece, text: str, sure: float) -> tuple[str, float]:
    own = piece.text
    certain = piece.confidence >= SURE
    if certain and own and _CLEAN.fullmatch(own) and not HANGUL.search(text):
        return own, piece.confidence
    digits = _digits(own)
    start = re.search(r"\d", text)
    words_first = start is not None and HANGUL.search(text) and not HANGUL.search(text[start.start() :])
    if (
        certain
        and start
        and words_first
        and len(re.findall(r"\d", digits)) >= FEWEST_DIGITS
        and _CLEAN.fullmatch(digits)
    ):
        return f"{text[: start.start()].rstrip()} {digits}", max(sure, 0.5)
    if certain and own and not _NOT_LATIN.search(own) and not HANGUL.search(text) and piece.confidence > sure:
        return own, piece.confidence
    return text, sure


def _digits(text: str) -> str:
    """The text without signs the engine took for letters of a script it cannot read, from its first digit on."""
    return re.sub(r"^[^\d]+", "", _NOT_LATIN.sub(" ", text)).strip()


def _is_wide(piece: Piece) -> bool:
    height, width = piece.pixels.shape[:2]
    return bool(width >= 1.2 * height)


def _is_doubtful(piece: Piece) -> bool:
    return piece.confidence < DOUBTFUL or bool(_NOT_LATIN.search(piece.text) and piece.confidence < SURE + 0.06)
