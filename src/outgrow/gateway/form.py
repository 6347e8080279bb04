"""A form with a file in it, read from a body that is there: a few short fields, one file, and a proper end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from outgrow.gateway.problem import Problem, refused
from outgrow.policy.refusal import unreadable_body

MOST_PARTS: Final = 9
LONGEST_FIELD: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The fields by name, and the file with the name it came under."""

    fields: dict[str, str]
    content: bytes
    name: str | None


@dataclass(slots=True, kw_only=True)
class _Part:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    data: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Parts:
    """What the parser has found so far."""

    parts: list[_Part] = field(default_factory=list)
    ended: bool = False
    name: bytes = b""
    value: bytes = b""

    def begin(self) -> None:
        if len(self.parts) >= MOST_PARTS:
            raise FormParserError
        self.parts.append(_Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def header_end(self) -> None:
        self.parts[-1].headers[self.name.lower()] = self.value
        self.name = self.value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]

    def end(self) -> None:
        self.ended = True


def read_form(content_type: str, body: bytes) -> Form:
    """The form in ``body``. Raises 400 for one that is cut off, has no file, or more than is expected."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    found = _Parts()
    try:
        parser = MultipartParser(
            boundary or b"",
            {
                "on_part_begin": found.begin,
                "on_header_field": found.header_name,
                "on_header_value": found.header_value,
                "on_header_end": found.header_end,
                "on_part_data": found.data,
                "on_end": found.end,
            },
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as problem:
        raise _unreadable("the form cannot be read: one file and a few short fields are expected") from problem
    if not found.ended:
        raise _unreadable("the form has no end: it is cut off")
    return _form(found.parts)


def _form(parts: list[_Part]) -> Form:
    fields: dict[str, str] = {}
    files: list[tuple[bytes, str | None]] = []
    for part in parts:
        kind, options = parse_options_header(part.headers.get(b"content-disposition", b""))
        try:
            name = options[b"name"].decode()
            if name == "file":
                given = options.get(b"filename")
                files.append((bytes(part.data), None if given is None else given.decode()))
            elif kind == b"form-data" and name not in fields and len(part.data) <= LONGEST_FIELD:
                fields[name] = part.data.decode()
            else:
                raise _unreadable("a field of the form is there twice, or has more than 10,000 bytes")
        except (KeyError, UnicodeDecodeError) as problem:
            raise _unreadable("a part of the form has no name, or is no UTF-8") from problem
    if len(files) != 1:
        raise _unreadable(f"the form has {len(files) or 'no'} files in its field 'file'; one is expected")
    return Form(fields=fields, content=files[0][0], name=files[0][1])


def _unreadable(reason: str) -> Problem:
    return refused(unreadable_body(reason))
