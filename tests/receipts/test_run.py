from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from outgrow.domain.job import Payload
from outgrow.receipts import engines
from outgrow.receipts.run import image_bytes, read_receipt
from outgrow.receipts.script import HANGUL

from .generated import receipt, seeded
from .pictures import HANGUL as HANGUL_FONT
from .pictures import drawn, encoded, photographed

pytest.importorskip("rapidocr")
numpy = pytest.importorskip("numpy")

KOREAN = (
    "별빛문구 서초점", "서울 서초구 반포대로 21", "사업자번호 123-45-67890", "거래일시 2026-11-23 14:05", "공책 A5 x2  5,000",
    "색연필 x1  12,500", "가위 x3  9,600", "공급가액  24,636", "부가세  2,464", "합계  27,100", "신용카드  27,100", "감사합니다",
)  # fmt: skip


@pytest.fixture
def no_tesseract(monkeypatch):
    """A machine on which tesseract is not installed."""
    monkeypatch.setenv("PATH", "")
    engines.tesseract_path.cache_clear()
    yield
    monkeypatch.undo()
    engines.tesseract_path.cache_clear()


def korean_photo() -> bytes:
    return encoded(photographed(drawn(KOREAN, font=HANGUL_FONT), seeded(3)), quality=70)


def test_photographs_of_latin_receipts_are_read():
    right = 0
    for seed in range(6):
        random = seeded(seed)
        made = receipt(random)
        answer = read_receipt(encoded(photographed(drawn(made.rows), random), quality=60))
        assert answer["status"] == "read"
        right += (answer["total"], answer["date"]) == (float(made.total), made.day.isoformat())
    assert right >= 5


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_receipt_that_lies_wrongly_is_turned(turn):
    made = receipt(seeded(1))
    answer = read_receipt(encoded(drawn(made.rows).rotate(turn, expand=True), "PNG"))
    assert (answer["total"], answer["date"]) == (float(made.total), made.day.isoformat())


def test_a_korean_receipt_is_read_by_the_engine_that_can():
    if engines.tesseract_path() is None:
        pytest.skip("needs tesseract with kor")
    answer = read_receipt(korean_photo())
    assert (answer["status"], answer["language"], answer["currency"]) == ("read", "ko", "KRW")
    assert (answer["merchant"], answer["date"], answer["total"]) == ("별빛문구 서초점", "2026-11-23", 27_100)


def test_a_date_in_korean_words_is_read_in_a_photograph():
    if engines.tesseract_path() is None:
        pytest.skip("needs tesseract with kor")
    rows = (*KOREAN[:3], "2026년 11월 23일 14:05", *KOREAN[4:])
    answer = read_receipt(encoded(photographed(drawn(rows, font=HANGUL_FONT), seeded(4)), quality=70))
    assert (answer["date"], answer["total"]) == ("2026-11-23", 27_100)


@pytest.mark.usefixtures("no_tesseract")
def test_hangul_that_nobody_reads_is_said_and_not_guessed():
    answer = read_receipt(korean_photo())
    assert (answer["status"], answer["language"]) == ("language_unsupported", "ko")
    assert "tesseract-ocr-kor" in answer["reason"]["message"]
    assert (answer["merchant"], answer["total"], answer["items"]) == (None, None, [])
    assert answer["date"] == "2026-11-23"
    assert all(text.isascii() and not HANGUL.search(text) for text in answer["text"])


@pytest.mark.usefixtures("no_tesseract")
def test_a_latin_receipt_needs_no_second_engine():
    made = receipt(seeded(8))
    answer = read_receipt(encoded(drawn(made.rows), "PNG"))
    assert (answer["status"], answer["language"], answer["total"]) == ("read", "latin", float(made.total))


def test_every_kind_of_payload_is_taken():
    made = receipt(seeded(2))
    data = encoded(drawn(made.rows), "PNG")
    text = base64.b64encode(data).decode()
    payloads = (
        data,
        Payload(data=data, media_type="image/png"),
        Payload(json={"image": text}),
        {"image": f"data:image/png;base64,{text}"},
    )
    assert {image_bytes(payload) for payload in payloads} == {data}


@pytest.mark.parametrize(
    ("payload", "code"),
    [(b"", "empty"), (b"text", "wrong_type"), ({}, "no_image"), (None, "no_image"), ({"image": "%%%"}, "wrong_type")],
)
def test_what_is_no_picture_is_refused_with_a_reason(payload, code):
    answer = read_receipt(payload)
    assert (answer["status"], answer["reason"]["code"]) == ("unreadable", code)


def test_a_blank_page_has_no_text():
    answer = read_receipt(encoded(drawn([""] * 10), "PNG"))
    assert (answer["status"], answer["total"], answer["reason"]["code"]) == ("no_text", None, "no_text")


def test_a_strip_of_a_page_is_not_blown_up():
    from outgrow.receipts.engines import SHORT_SIDE_PX, _widened

    for size in ((60, 2000), (2000, 60), (300, 2000), (620, 900)):
        page = _widened(numpy.zeros((*size, 3), numpy.uint8))
        high, wide = page.shape[:2]
        assert max(high, wide) == max(size)
        assert max(high, wide) * max(1.0, SHORT_SIDE_PX / min(high, wide)) <= 2000


def test_the_answer_is_json():
    answer = read_receipt(encoded(drawn(receipt(seeded(4)).rows), "PNG"))
    assert json.loads(json.dumps(answer)) == answer
    assert date.fromisoformat(answer["date"])
    assert Decimal(str(answer["total"])) > 0


def test_the_command_prints_what_each_file_says(tmp_path):
    made = receipt(seeded(5))
    (tmp_path / "good.png").write_bytes(encoded(drawn(made.rows), "PNG"))
    (tmp_path / "bad.png").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "outgrow.receipts", "good.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["file"], answer["total"]) == ("good.png", float(made.total))
    assert answer["taken_s"] > 0
    done = subprocess.run(
        [sys.executable, "-m", "outgrow.receipts", "bad.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, json.loads(done.stdout)["reason"]["code"]) == (1, "empty")


def test_the_worker_meters_its_start_and_its_jobs():
    from outgrow.receipts.runpod_handler import started_worker

    worker = started_worker()
    image = base64.b64encode(encoded(drawn(receipt(seeded(6)).rows), "PNG")).decode()
    first, second = (worker.handle({"id": str(number), "input": {"image": image}}) for number in range(2))
    assert first["status"] == "read"
    assert (first["_meter"]["first_job"], second["_meter"]["first_job"]) == (True, False)
    meter = first["_meter"]
    assert meter["boot_ts"] <= meter["model_ready_ts"] <= meter["job_start_ts"] <= meter["job_end_ts"]


def test_the_worker_runs_under_the_real_sdk(tmp_path):
    pytest.importorskip("runpod", exc_type=ImportError)
    made = receipt(seeded(7))
    image = base64.b64encode(encoded(drawn(made.rows), "PNG")).decode()
    (tmp_path / "test_input.json").write_text(json.dumps({"id": "one", "input": {"image": image}}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "outgrow.receipts.runpod_handler"],
        cwd=tmp_path,
        env={**os.environ, "RUNPOD_LOG_LEVEL": "INFO"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "completed successfully" in said
    assert f"'total': {float(made.total):g}" in said
