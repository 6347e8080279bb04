"""`read_receipt`: what a local backend, a RunPod worker and the command line call."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from outgrow.receipts.fields import read_fields
from outgrow.receipts.images import UnreadableImage, open_page
from outgrow.receipts.script import HANGUL, is_korean, korean_lines, latin_lines, numbers_only, signs_of

if TYPE_CHECKING:
    from decimal import Decimal

    from outgrow.receipts.engines import Piece
    from outgrow.receipts.fields import Fields
    from outgrow.receipts.lines import Line

ENCODED = ("image", "image_base64", "data", "file")
UNSUPPORTED = "language_unsupported"
NO_SCRIPT = "the receipt is in a script that no engine here reads; send this task to a backend that does"
NO_KOREAN = (
    "the receipt is in Hangul and nothing here reads it; install tesseract-ocr and tesseract-ocr-kor (Debian), or send "
    "this task to a backend that reads Korean"
)


def read_receipt(payload: Any) -> dict[str, Any]:
    """What the receipt says.

    ``payload`` is the bytes of a JPEG, PNG, HEIC or PDF file, a job's `Payload` with them, or JSON with the file as
    base64 in ``image`` (a ``data:`` address will do). ``status`` is ``read``, ``no_text``, ``language_unsupported`` or
    ``unreadable``; the last two carry a ``reason``. Amounts are numbers in the unit of ``currency``. ``confidence`` is
    0 to 1 for each field; ``notes`` says what was assumed.
    """
    data = image_bytes(payload)
    if isinstance(data, UnreadableImage):
        return _unreadable(data)
    started = time.perf_counter()
    page = open_page(data)
    if isinstance(page, UnreadableImage):
        return _unreadable(page)
    opened = time.perf_counter()
    status, language, engine, lines = _read(page.image)
    read = time.perf_counter()
    fields = read_fields(lines, today=datetime.now(tz=UTC).date())
    answer = answer_of(fields, status=status, language=language, lines=lines)
    return answer | {
        "engine": engine,
        "kind": page.kind,
        "pages": page.pages,
        "seconds": {
            "open": round(opened - started, 3),
            "read": round(read - opened, 3),
            "fields": round(time.perf_counter() - read, 3),
        },
    }


def image_bytes(payload: Any) -> bytes | UnreadableImage:
    """The file inside a payload."""
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    data = getattr(payload, "data", None)
    if isinstance(data, bytes):
        return data
    asked = payload if isinstance(payload, Mapping) else getattr(payload, "json", None)
    if isinstance(asked, Mapping):
        text = next((asked[name] for name in ENCODED if isinstance(asked.get(name), str | bytes)), None)
        if isinstance(text, bytes):
            return text
        if isinstance(text, str):
            return _decoded(text)
    return UnreadableImage(
        code="no_image", message="no file in the request; send its bytes, or base64 of them as 'image'"
    )


def answer_of(fields: Fields, *, status: str, language: str, lines: list[Line]) -> dict[str, Any]:
    """The fields as JSON."""
    merchant, day, total, place = fields.merchant, fields.date, fields.total, fields.place
    readable = status == "read"
    notes = []
    if readable and day is not None and day.assumed:
        notes.append("day_month_order_assumed")
    if status == UNSUPPORTED:
        merchant, total = None, None
    return {
        "status": status,
        "reason": _reason(status, language),
        "language": language,
        "merchant": merchant.value if merchant else None,
        "date": day.value.isoformat() if day else None,
        "total": _number(total.value) if total else None,
        "currency": place.currency if readable or language == "ko" else None,
        "items": [
            {
                "name": item.name,
                "quantity": _number(item.quantity),
                "amount": _number(item.amount),
                "confidence": item.confidence,
            }
            for item in (fields.items if readable else ())
        ],
        "confidence": {
            "merchant": merchant.confidence if merchant else 0.0,
            "date": day.confidence if day else 0.0,
            "total": total.confidence if total else 0.0,
            "currency": place.confidence,
        },
        "reasons": {"total": list(total.reasons) if total else []},
        "notes": notes,
        "text": [line.text for line in lines],
    }


def _read(image: Any) -> tuple[str, str, str, list[Line]]:
    """Status, language, engines and lines: the second engine is asked only where the first one stumbles."""
    from outgrow.receipts.engines import read_hangul, read_pieces, tesseract_path

    pieces = read_pieces(image)
    if not pieces:
        return "no_text", "unknown", "rapidocr", []
    signs = signs_of(pieces)
    if signs.worth_asking and tesseract_path() is not None:
        read = read_hangul(pieces)
        if is_korean(read) or (signs.hangul_likely and any(HANGUL.search(text) for text, _ in read)):
            return "read", "ko", "rapidocr+tesseract", korean_lines(pieces, read)
        if signs.hangul_likely:
            return UNSUPPORTED, "unknown", "rapidocr+tesseract", numbers_only(pieces)
    elif signs.hangul_likely:
        return UNSUPPORTED, "ko", "rapidocr", numbers_only(pieces)
    lines = latin_lines(pieces)
    return ("read" if lines else "no_text"), _language(pieces), "rapidocr", lines


def _language(pieces: list[Piece]) -> str:
    text = "".join(piece.text for piece in pieces)
    if any("\u3040" <= character <= "\u30ff" for character in text):
        return "ja"
    ideographs = sum("\u4e00" <= character <= "\u9fff" for character in text)
    return "zh" if ideographs > 0.2 * len(text) else "latin"


def _decoded(text: str) -> bytes | UnreadableImage:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return UnreadableImage(code="wrong_type", message="'image' is no base64; send the file's bytes encoded so")


def _reason(status: str, language: str) -> dict[str, str] | None:
    if status == "no_text":
        return {"code": status, "message": "no line of text was found; send a sharper picture of the whole receipt"}
    if status == UNSUPPORTED:
        return {"code": status, "message": NO_KOREAN if language == "ko" else NO_SCRIPT}
    return None


def _unreadable(refused: UnreadableImage) -> dict[str, Any]:
    return {"status": "unreadable", "reason": {"code": refused.code, "message": refused.message}}


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
