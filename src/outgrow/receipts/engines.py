"""The two engines that read a page on this host's CPU. Nothing is downloaded.

rapidocr finds the lines and reads Latin script, digits and Chinese characters; its packaged model knows no Hangul.
tesseract with ``kor`` reads Hangul: the lines rapidocr has found are set under one another and read in one run.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import subprocess
import unicodedata
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from outgrow.receipts.images import LONG_SIDE_PX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from outgrow.receipts.lines import Point

THREADS = "OUTGROW_RECEIPTS_THREADS"
SHORT_SIDE_PX = 736  # to which rapidocr enlarges before it looks for lines
STRIP_PX, GAP_PX = 48, 24
CLOSE_PX = 16  # between syllables of one word, at the height of a strip
STRIPS_AT_ONCE = 120
WIDEST_STRIP_PX = 4000
MOST_LINES = 400
TESSERACT_S = 60
TALL = 1.5
FEWEST_TO_TURN = 4
_READING = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A line as rapidocr sees it: where it is, its pixels set level, and what it was taken for."""

    box: tuple[Point, Point, Point, Point]
    pixels: Any
    text: str
    confidence: float


def threads() -> int:
    """How many threads one reading uses: 1 unless the environment asks for more."""
    asked = os.environ.get(THREADS, "1")
    return max(1, int(asked)) if asked.isdigit() else 1


@cache
def latin_engine() -> Any:
    """Rapidocr with the models of its own wheel, loaded once a process."""
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(threads())
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads(),
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


@cache
def tesseract_path() -> str | None:
    """The tesseract that reads Korean, or None where there is none."""
    path = shutil.which("tesseract")
    if path is None:
        return None
    said = subprocess.run([path, "--list-langs"], capture_output=True, text=True, timeout=TESSERACT_S, check=False)  # noqa: S603
    return path if "kor" in said.stdout.split() else None


def load() -> None:
    """Loads the models, so that the first receipt does not wait for them."""
    from PIL import Image as Images
    from PIL import ImageDraw

    page = Images.new("RGB", (320, 96), "white")
    ImageDraw.Draw(page).text((20, 30), "TOTAL 1.00", fill="black", font_size=32)
    read_pieces(page)
    tesseract_path()


def read_pieces(image: Image) -> list[Piece]:
    """The lines of a page. A page that lies on its side or on its head is turned first."""
    import numpy as np

    with _READING:
        pixels = _widened(np.asarray(image)[:, :, ::-1])
        crops, boxes = _found(pixels)
        if not crops:
            return []
        if _lies_on_side(boxes):
            pixels = np.rot90(pixels)
            crops, boxes = _found(pixels)
        texts, scores = _texts(crops)
        if _on_its_head(crops):
            other_crops, other_boxes = _found(np.rot90(pixels, 2))
            other_texts, other_scores = _texts(other_crops)
            if sum(other_scores) > sum(scores):
                crops, boxes, texts, scores = other_crops, other_boxes, other_texts, other_scores
    return [
        Piece(
            box=tuple((float(x), float(y)) for x, y in box),  # type: ignore[arg-type]
            pixels=crop,
            text=text.strip(),
            confidence=score,
        )
        for box, crop, text, score in zip(boxes, crops, texts, scores, strict=True)
    ]


def read_hangul(pieces: Sequence[Piece]) -> list[tuple[str, float]]:
    """For each piece what tesseract reads in it, and how sure it is."""
    read: list[tuple[str, float]] = []
    for start in range(0, len(pieces), STRIPS_AT_ONCE):
        read += _read_strips(pieces[start : start + STRIPS_AT_ONCE])
    return read


def _widened(pixels: Any) -> Any:
    """The page, a strip made broader at its right or bottom: rapidocr enlarges by the short side, without a limit."""
    import cv2

    high, wide = pixels.shape[:2]
    least = math.ceil(max(high, wide) * SHORT_SIDE_PX / LONG_SIDE_PX)
    down, right = max(0, least - high), max(0, least - wide)
    return cv2.copyMakeBorder(pixels, 0, down, 0, right, cv2.BORDER_REPLICATE) if down or right else pixels


def _found(pixels: Any) -> tuple[list[Any], list[Any]]:
    import numpy as np
    from rapidocr.main import RapidOCRError

    engine = latin_engine()
    page = np.ascontiguousarray(pixels)
    try:
        crops, found = engine.detect_and_crop(page, {"preprocess": {"ratio_h": 1.0, "ratio_w": 1.0}})
    except RapidOCRError:
        return [], []
    kept = [(crop, box) for crop, box in zip(crops, found.boxes, strict=True) if min(crop.shape[:2]) >= 4]
    return [crop for crop, _ in kept[:MOST_LINES]], [box for _, box in kept[:MOST_LINES]]


def _texts(crops: list[Any]) -> tuple[list[str], list[float]]:
    if not crops:
        return [], []
    read = latin_engine().recognize_txt(crops)
    scores = [float(score) for score in read.scores]
    return list(read.txts), [0.0 if math.isnan(score) else score for score in scores]


def _on_its_head(crops: list[Any]) -> bool:
    """Whether most long lines seem to stand on their heads. Of single lines the classifier is not sure enough."""
    wide = [crop for crop in crops if crop.shape[1] > 3 * crop.shape[0]]
    if len(wide) < FEWEST_TO_TURN:
        return False
    said = latin_engine().cls_and_rotate(wide)[1].cls_res
    return sum(1 for label, _ in said if label == "180") > len(wide) / 2


def _lies_on_side(boxes: Sequence[Any]) -> bool:
    """Whether most lines run up or down the page."""
    sizes = [(math.dist(box[0], box[1]), math.dist(box[0], box[3])) for box in boxes]
    tall = sum(1 for wide, high in sizes if high > TALL * wide)
    wide_ones = sum(1 for wide, high in sizes if wide > TALL * high)
    return tall >= FEWEST_TO_TURN and tall > 2 * wide_ones


def _read_strips(pieces: Sequence[Piece]) -> list[tuple[str, float]]:
    import numpy as np
    from PIL import Image as Images

    path = tesseract_path()
    if path is None or not pieces:
        return [("", 0.0)] * len(pieces)
    strips = [_strip(piece.pixels) for piece in pieces]
    sheet = np.full(
        (GAP_PX + (STRIP_PX + GAP_PX) * len(strips), max(s.shape[1] for s in strips) + 2 * GAP_PX), 255, np.uint8
    )
    for number, strip in enumerate(strips):
        top = GAP_PX + number * (STRIP_PX + GAP_PX)
        sheet[top : top + STRIP_PX, GAP_PX : GAP_PX + strip.shape[1]] = strip
    encoded = io.BytesIO()
    Images.fromarray(sheet).save(encoded, "PNG", compress_level=1)
    said = subprocess.run(  # noqa: S603 - the path is what the system's search path names
        [path, "-", "-", "-l", "kor+eng", "--psm", "6", "--dpi", "300", "tsv"],
        input=encoded.getvalue(),
        capture_output=True,
        timeout=TESSERACT_S,
        check=False,
        env={**os.environ, "OMP_THREAD_LIMIT": str(threads())},
    )
    return _words_by_strip(said.stdout.decode("utf-8", "replace"), len(strips))


def _strip(pixels: Any) -> Any:
    """One line, grey, its contrast stretched, at the height tesseract reads best."""
    import cv2
    import numpy as np

    grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    width = min(WIDEST_STRIP_PX, max(1, round(grey.shape[1] * STRIP_PX / grey.shape[0])))
    grey = cv2.resize(grey, (width, STRIP_PX), interpolation=cv2.INTER_CUBIC)
    dark, light = np.percentile(grey, [2, 90])
    return np.clip((grey.astype(np.float32) - dark) * 255 / max(1.0, float(light - dark)), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    left: int
    right: int
    text: str
    sure: float


def _words_by_strip(table: str, strips: int) -> list[tuple[str, float]]:
    """The words of tesseract, put back to the strip they stand on."""
    words: list[list[_Word]] = [[] for _ in range(strips)]
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) < 12 or cells[0] != "5" or not cells[11].strip():
            continue
        left, top, width, height = (int(cell) for cell in cells[6:10])
        number = int((top + height / 2 - GAP_PX / 2) // (STRIP_PX + GAP_PX))
        if 0 <= number < strips:
            sure = max(0.0, float(cells[10])) / 100
            words[number].append(
                _Word(left=left, right=left + width, text=unicodedata.normalize("NFKC", cells[11].strip()), sure=sure)
            )
    return [(_joined(line), sum(word.sure for word in line) / len(line)) if line else ("", 0.0) for line in words]


def _joined(words: list[_Word]) -> str:
    """Words in order. Syllables of Hangul that tesseract parted without room between them are one word again."""
    text, right = "", 0
    for word in sorted(words, key=lambda word: word.left):
        close = word.left - right < CLOSE_PX and ("가" <= word.text[0] <= "힣" or "가" <= text[-1:] <= "힣")
        text += word.text if close or not text else f" {word.text}"
        right = word.right
    return text
