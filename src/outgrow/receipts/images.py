"""Bytes from outside to one upright page of pixels, or the reason why not."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

LONG_SIDE_PX = 2000
MOST_PIXELS = 50_000_000
SMALLEST_SIDE_PX = 16
PDF_POINTS_PER_INCH = 72
PDF_DPI = 200
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableImage:
    """Why no page came of it: a ``code`` for programs, a ``message`` that says what is allowed."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The first page: RGB, upright, no side longer than ``LONG_SIDE_PX``, nothing of the file's metadata left."""

    image: Image
    kind: str
    pages: int = 1


def open_page(data: bytes, *, most_pixels: int = MOST_PIXELS) -> Page | UnreadableImage:
    """The page in a JPEG, PNG, HEIC or PDF file; what the file is is told by its first bytes, not by its name."""
    if not data:
        return UnreadableImage(code="empty", message="the file has 0 bytes; send a JPEG, PNG, HEIC or PDF file")
    kind = kind_of(data)
    if kind is None:
        return UnreadableImage(
            code="wrong_type", message="the first bytes are of no JPEG, PNG, HEIC or PDF file; send one of these"
        )
    if kind == "pdf":
        return _pdf_page(data, most_pixels)
    return _picture(data, kind, most_pixels)


def kind_of(data: bytes) -> str | None:
    """``jpeg``, ``png``, ``heic`` or ``pdf`` by the first bytes."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "heic"
    return "pdf" if b"%PDF-" in data[:1024] else None


def _picture(data: bytes, kind: str, most_pixels: int) -> Page | UnreadableImage:
    from PIL import Image as Images
    from PIL import ImageOps

    Images.MAX_IMAGE_PIXELS = most_pixels
    if kind == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)
    formats = {"jpeg": ("JPEG", "MPO"), "png": ("PNG",), "heic": ("HEIF",)}[kind]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Images.DecompressionBombWarning)
            with Images.open(io.BytesIO(data), formats=formats) as opened:
                refusal = _refused(*opened.size, most_pixels)
                if refusal is not None:
                    return refusal
                if kind == "jpeg":
                    opened.draft("RGB", (LONG_SIDE_PX, LONG_SIDE_PX))
                upright = ImageOps.exif_transpose(opened)
                return Page(image=_plain(upright), kind=kind)
    except Images.DecompressionBombError:
        return _too_large("more", most_pixels)
    except Exception as broken:  # noqa: BLE001 - decoders raise whatever they meet in a broken file
        return UnreadableImage(
            code="broken", message=f"the {kind.upper()} file is cut off or damaged ({_short(broken)})"
        )


def _pdf_page(data: bytes, most_pixels: int) -> Page | UnreadableImage:
    """The first page. Pictures inside it are measured before they are decoded."""
    import pypdfium2
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as broken:
        locked = "password" in str(broken).lower()
        code, what = ("locked", "asks for a password") if locked else ("broken", "is cut off or damaged")
        return UnreadableImage(code=code, message=f"the PDF file {what}; send the page as a picture")
    try:
        pages = len(document)
        if not pages:
            return UnreadableImage(code="broken", message="the PDF file has no pages")
        page = document[0]
        for picture in page.get_objects(filter=[FPDF_PAGEOBJ_IMAGE], max_depth=4):
            width, height = picture.get_px_size()
            if width * height > most_pixels:
                return _too_large(f"{width} x {height}", most_pixels)
        width, height = page.get_size()
        if not (width > 0 and height > 0 and math.isfinite(width * height)):
            return UnreadableImage(code="broken", message="the first page of the PDF file has no size")
        scale = min(PDF_DPI / PDF_POINTS_PER_INCH, LONG_SIDE_PX / max(width, height))
        if min(width, height) * scale < SMALLEST_SIDE_PX:
            return UnreadableImage(code="too_small", message="the first page of the PDF file is a line, not a page")
        return Page(image=_plain(page.render(scale=scale).to_pil()), kind="pdf", pages=pages)
    except pypdfium2.PdfiumError as broken:
        return UnreadableImage(code="broken", message=f"the first page of the PDF file is damaged ({_short(broken)})")
    finally:
        document.close()


def _refused(width: int, height: int, most_pixels: int) -> UnreadableImage | None:
    if width * height > most_pixels:
        return _too_large(f"{width} x {height}", most_pixels)
    if min(width, height) < SMALLEST_SIDE_PX:
        return UnreadableImage(
            code="too_small", message=f"{width} x {height} pixels; at least {SMALLEST_SIDE_PX} a side can be read"
        )
    return None


def _too_large(found: str, most_pixels: int) -> UnreadableImage:
    return UnreadableImage(
        code="too_large", message=f"{found} pixels; {most_pixels:,} in all are allowed: send a smaller picture"
    )


def _plain(image: Image) -> Image:
    """Its pixels alone, on white where it was transparent, within the long side."""
    from PIL import Image as Images

    if max(image.size) > LONG_SIDE_PX:
        image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), reducing_gap=3.0)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        solid: Any = image.convert("RGBA")
        white = Images.new("RGBA", solid.size, "white")
        white.alpha_composite(solid)
        image = white
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        image = image.point(lambda value: value / 256).convert("L")
    pixels = image.convert("RGB")
    return Images.frombytes("RGB", pixels.size, pixels.tobytes())


def _short(broken: Exception) -> str:
    return (str(broken) or type(broken).__name__).splitlines()[0][:120]
