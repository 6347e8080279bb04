"""What an uploaded file is, by its bytes: of a kind that is taken, within its pixels, whole."""

from __future__ import annotations

import asyncio
import io
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from outgrow.gateway.problem import Problem, refused
from outgrow.policy.refusal import too_many_pixels, unreadable_body, unsupported_type

if TYPE_CHECKING:
    from PIL.Image import Image

TAKEN: Final = ("image/jpeg", "image/png", "image/webp", "image/heic", "application/pdf")
HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"mif1", b"msf1", b"hevc", b"heim", b"heis"})
LONGEST_NAME: Final = 255
TAIL: Final = 2048
LOOKED_AT_ONCE: Final = 2
PLAIN_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+")

_looks = ThreadPoolExecutor(LOOKED_AT_ONCE, thread_name_prefix="outgrow-look")


async def media_type(content: bytes, name: str | None, pixels: int) -> str:
    """The media type of ``content``; raises a `Problem` for what is empty, cut off, too large or no image."""
    if name is not None and (not PLAIN_NAME.fullmatch(name) or name in {".", ".."} or len(name) > LONGEST_NAME):
        raise _unreadable("the file's name has a path in it, or more than 255 characters; send a plain name")
    if not content:
        raise _unreadable("the file has 0 bytes")
    found = sniff(content)
    if found is None:
        raise refused(unsupported_type("another kind of file", TAKEN))
    if found == "application/pdf":
        if b"%%EOF" not in content[-TAIL:]:
            raise _unreadable("the PDF has no end: it is cut off")
        return found
    await asyncio.get_running_loop().run_in_executor(_looks, _look, content, found, pixels)
    return found


def sniff(content: bytes) -> str | None:
    """The media type by the first bytes; None for what is not taken."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS:
        return "image/heic"
    if content.startswith(b"%PDF-"):
        return "application/pdf"
    return None


def _look(content: bytes, found: str, pixels: int) -> None:
    """Reads the head for the size, and then enough to know that the end is there."""
    from PIL import Image, UnidentifiedImageError

    if found == "image/heic" and not _reads_heic():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(
                io.BytesIO(content), formats=[found.partition("/")[2].upper().replace("HEIC", "HEIF")]
            ) as image:
                width, height = image.size
                if width * height > pixels:
                    raise refused(too_many_pixels(width, height, pixels))
                _read_to_end(image, found)
        except Image.DecompressionBombError as problem:
            raise _unreadable("the image would be too large once decoded") from problem
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as problem:
            raise _unreadable(f"the {found} is damaged or cut off") from problem


def _read_to_end(image: Image, found: str) -> None:
    if found == "image/jpeg":
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
    else:
        image.verify()


def _reads_heic() -> bool:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _unreadable(reason: str) -> Problem:
    return refused(unreadable_body(reason))
