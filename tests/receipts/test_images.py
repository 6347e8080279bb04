from __future__ import annotations

import io
import struct
import zlib

import pytest

from outgrow.receipts.images import LONG_SIDE_PX, Page, UnreadableImage, open_page

from .pictures import encoded

Images = pytest.importorskip("PIL.Image")


def refused(data: bytes) -> str:
    answer = open_page(data)
    assert isinstance(answer, UnreadableImage)
    assert answer.message
    return answer.code


def opened(data: bytes) -> Page:
    page = open_page(data)
    assert isinstance(page, Page), page
    return page


def picture(width: int = 400, height: int = 300, kind: str = "JPEG", **options: object) -> bytes:
    return encoded(Images.effect_noise((width, height), 40).convert("RGB"), kind, **options)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


def test_what_cannot_be_a_page_is_refused_with_a_reason():
    assert refused(b"") == "empty"
    assert refused(b"GIF89a" + b"\0" * 100) == "wrong_type"
    assert refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>") == "wrong_type"
    assert refused(encoded(Images.new("L", (10_000, 10_000)), "JPEG")) == "too_large"
    assert refused(bomb(10_000, 10_000)) == "too_large"
    assert refused(bomb(2**30, 2**30)) in {"too_large", "broken"}
    assert refused(picture(400, 4)) == "too_small"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_a_file_that_is_cut_off_is_refused(kind):
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    whole = picture(kind=kind)
    assert opened(whole)
    for share in (0.1, 0.5, 0.9):
        assert refused(whole[: int(len(whole) * share)]) == "broken"


def test_a_picture_comes_upright_small_and_without_what_the_camera_wrote():
    exif = Images.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    page = opened(picture(3000, 1500, exif=exif))
    assert page.image.size[0] < page.image.size[1] <= LONG_SIDE_PX
    assert max(page.image.size) == LONG_SIDE_PX
    assert not page.image.getexif()
    assert not page.image.info


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "LA", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(mode):
    image = Images.new(mode, (64, 64))
    assert opened(encoded(image, "PNG")).image.mode == "RGB"


def test_what_was_transparent_is_white():
    assert opened(encoded(Images.new("RGBA", (64, 64), (0, 0, 0, 0)), "PNG")).image.getpixel((5, 5)) == (255, 255, 255)


def test_the_first_page_of_a_pdf_is_read_and_the_pages_are_counted():
    pytest.importorskip("pypdfium2")
    pages = [Images.new("RGB", (500, 800), colour) for colour in ("white", "black")]
    file = io.BytesIO()
    pages[0].save(file, "PDF", save_all=True, append_images=pages[1:])
    page = opened(file.getvalue())
    assert (page.kind, page.pages) == ("pdf", 2)
    assert page.image.getpixel((20, 20)) == (255, 255, 255)
    assert max(page.image.size) <= LONG_SIDE_PX
    assert refused(file.getvalue()[:200]) == "broken"


def test_a_picture_hidden_in_a_pdf_is_measured_before_it_is_decoded():
    pytest.importorskip("pypdfium2")
    file = io.BytesIO()
    Images.new("1", (9000, 9000)).save(file, "PDF")
    assert refused(file.getvalue()) == "too_large"
