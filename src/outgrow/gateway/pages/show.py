"""Pages and parts of pages as HTML: everything a template is given is escaped by it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from outgrow.domain.job import ENDS
from outgrow.gateway.pages.entry import HOME, LANGUAGE_COOKIE, LOGIN
from outgrow.gateway.pages.reader import Reader, language_of, load_words
from outgrow.record.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import HTTPConnection

    from outgrow.adapters.postgres.figures import Took
    from outgrow.domain.job import Job
    from outgrow.gateway.problem import Problem

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
YEAR_S: Final = 365 * 86_400
MEDIA: Final = {"pages.css": "text/css", "pages.js": "text/javascript", "icon.svg": "image/svg+xml"}
PAGES: Final = (("jobs", HOME), ("drop", f"{HOME}/drop"), ("spend", f"{HOME}/spend"), ("backends", f"{HOME}/backends"))
OPERATORS: Final = frozenset({"spend", "backends"})
"""Pages about everybody's jobs: for keys with the scope ``metrics``."""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("outgrow.gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["list"] = lambda value: isinstance(value, list)
    return made


@cache
def static(name: str) -> bytes | None:
    """A file that pages ask for; None where there is no such."""
    return files("outgrow.gateway.pages").joinpath("static", name).read_bytes() if name in MEDIA else None


def reader_of(request: HTTPConnection) -> Reader:
    """Who reads the answer."""
    language = language_of(request.headers, request.query_params.get("lang"))
    return Reader(words=load_words(language), now=datetime.now(UTC))


def part(name: str, reader: Reader, /, **values: Any) -> str:
    """A part of a page."""
    return _environment().get_template(f"{name}.html.j2").render(r=reader, **values)


def page(request: HTTPConnection, name: str, /, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """A whole page. A language that was asked for in its address is kept in a cookie."""
    reader, caller = reader_of(request), request.scope.get("caller")
    may = [one for one in PAGES if caller and (one[0] not in OPERATORS or caller.admin or "metrics" in caller.scopes)]
    if caller and not (caller.admin or "jobs.write" in caller.scopes):
        may = [one for one in may if one[0] != "drop"]
    html = part(
        name,
        reader,
        name=name,
        pages=may,
        caller=caller,
        path=request.url.path,
        languages=[(one, load_words(one).label("language")) for one in LANGUAGES],
        **values,
    )
    response = HTMLResponse(html, status_code=status, headers=dict(HEADERS))
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, reader.words.language, max_age=YEAR_S, path=HOME, httponly=True, samesite="lax"
        )
    return response


def problem_page(request: HTTPConnection, problem: Problem) -> Response:
    """A refusal for people: without a session, the login; else what is wrong. A script is told as a program is."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem.response()
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER, headers=dict(HEADERS))
    return page(request, "problem", status=problem.status, problem=problem)


def row(reader: Reader, job: Job, took: Took | None) -> str:
    """One line of the list of jobs."""
    return part("row", reader, job=job, took=took)


def details(reader: Reader, job: Job, took: Took | None) -> str:
    """What is to be seen of one job."""
    return part("details", reader, job=job, took=took, ended=job.state in ENDS, done=fraction(job.progress))


def fraction(progress: Any) -> float | None:
    """How far a job is, 0 to 1, where it tells that: a ``fraction``, or a ``step`` (or ``done``) ``of`` so many."""
    if not isinstance(progress, dict):
        return None
    try:
        if "fraction" in progress:
            share = float(progress["fraction"])
        else:
            share = float(progress["step" if "step" in progress else "done"]) / float(progress["of"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return share if 0 <= share <= 1 else None
