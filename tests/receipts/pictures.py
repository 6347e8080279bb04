"""Receipts as pictures: set in a font, then photographed badly."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from PIL.Image import Image

FONTS = "/usr/share/fonts/truetype"
LATIN, HANGUL = f"{FONTS}/dejavu/DejaVuSansMono.ttf", f"{FONTS}/nanum/NanumGothicCoding.ttf"
PAPER_PX = 620


def drawn(rows: Sequence[str], *, font: str = LATIN, size: int = 22) -> Image:
    """The rows on white paper; the last box of a row stands at the right edge."""
    images = pytest.importorskip("PIL.Image")
    from PIL import ImageDraw, ImageFont

    try:
        face = ImageFont.truetype(font, size)
    except OSError:
        pytest.skip(f"needs the font {font}")
    step = round(size * 1.6)
    paper = images.new("L", (PAPER_PX, step * (len(rows) + 2)), 255)
    pen = ImageDraw.Draw(paper)
    for number, row in enumerate(rows, start=1):
        parts = [part for part in row.split("  ") if part]
        for place, part in enumerate(parts):
            wide = pen.textlength(part, face)
            last = place and place == len(parts) - 1
            pen.text((PAPER_PX - 20 - wide if last else 20 + place * 260, number * step), part, fill=20, font=face)
    return paper


def photographed(paper: Image, random: Random) -> Image:
    """The paper seen at an angle on a dark table, in uneven light, with noise and little contrast."""
    numpy, cv2 = pytest.importorskip("numpy"), pytest.importorskip("cv2")
    from PIL import Image as Images

    source = numpy.asarray(paper, dtype=numpy.float32)
    high, wide = source.shape
    edge = 60
    corners = [(edge, edge), (wide + edge, edge), (wide + edge, high + edge), (edge, high + edge)]
    moved = [(x + random.uniform(-25, 25), y + random.uniform(-25, 25)) for x, y in corners]
    change = cv2.getPerspectiveTransform(
        numpy.float32([(0, 0), (wide, 0), (wide, high), (0, high)]), numpy.float32(moved)
    )
    seen = cv2.warpPerspective(source, change, (wide + 2 * edge, high + 2 * edge), borderValue=90)
    light = numpy.linspace(random.uniform(0.6, 0.9), 1.0, seen.shape[1], dtype=numpy.float32)
    seen = 60 + seen * light * 0.65 + numpy.random.default_rng(random.randrange(2**32)).normal(0, 8, seen.shape)
    seen = cv2.GaussianBlur(seen.astype(numpy.float32), (0, 0), random.uniform(0.5, 1.0))
    return Images.fromarray(numpy.clip(seen, 0, 255).astype(numpy.uint8))


def encoded(image: Image, kind: str = "JPEG", **options: object) -> bytes:
    """The file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
