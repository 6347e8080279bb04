"""Who looks at a page: the key that a browser's cookie stands for. The cookie opens pages alone, never the API."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Final

from outgrow.gateway.problem import refused
from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.gateway.caller import Caller
    from outgrow.gateway.runtime import Runtime

HOME: Final = "/ui"
LOGIN: Final = f"{HOME}/login"
STATIC: Final = f"{HOME}/static/"
COOKIE: Final = "outgrow_session"
LANGUAGE_COOKIE: Final = "outgrow_language"
LONGEST_LOGIN_BYTES: Final = 4_096
LONGEST_COOKIE: Final = 200


def is_page(path: str) -> bool:
    """Is this path for people?"""
    return path in {"/", HOME} or path.startswith(HOME + "/")


def is_open(path: str) -> bool:
    """May anybody read it?"""
    return path in {"/", LOGIN} or path.startswith(STATIC)


def cookie(headers: Mapping[str, str], name: str) -> str | None:
    """The value of a cookie; None where there is none, or the header is no list of cookies."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found is not None and 0 < len(found.value) <= LONGEST_COOKIE else None


async def visitor(runtime: Runtime, headers: Mapping[str, str]) -> Caller:
    """Whom the session is of; raises 401 where there is none, or its key no longer counts."""
    sent = cookie(headers, COOKIE)
    sha256 = None if sent is None else await runtime.sessions.key_of(sent)
    if sha256 is None:
        raise refused(Refused(code=Code.BAD_KEY, detail="log in with a key first"))
    return await runtime.callers.of_hash(sha256)
