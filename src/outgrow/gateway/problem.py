"""Every refusal as one document (RFC 9457): what is wrong, what is allowed, when to come back."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from outgrow.policy.refusal import MEDIA_TYPE, Refused, wait_s

if TYPE_CHECKING:
    from collections.abc import Mapping


class Problem(Exception):  # noqa: N818 - it is what RFC 9457 calls it
    """A request that is not done, as its caller is told. ``code`` is for programs, ``detail`` for people."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        rule: str = "",
        title: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Keeps everything for `response`; ``rule`` is the rule of the configuration that decided."""
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.rule = rule
        self.title = title or HTTPStatus(status).phrase
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """The members; ``error`` is the same in the shape that OpenAI's clients read."""
        document = {
            "type": f"/problems/{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "error": {"message": self.detail, "type": self.code, "code": self.code, "param": None},
        }
        if self.rule:
            document["rule"] = self.rule
        if self.retry_after_s is not None:
            document["retry_after_s"] = round(self.retry_after_s, 3)
        return document

    def response(self) -> Response:
        """The document with its headers; ``Retry-After`` is whole seconds, rounded up."""
        headers = dict(self.headers)
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(wait_s(self.retry_after_s))
        body = json.dumps(self.document(), ensure_ascii=False).encode()
        return Response(body, status_code=self.status, headers=headers, media_type=MEDIA_TYPE)


def refused(why: Refused, *, close: bool = False) -> Problem:
    """What policy refuses, as a problem; ``close`` ends the connection, whose body is not read."""
    headers = {"Connection": "close"} if close else {}
    if why.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="outgrow"'
    return Problem(
        why.status,
        why.code,
        why.detail,
        rule=why.rule,
        title=why.title,
        retry_after_s=why.retry_after_s,
        headers=headers,
    )


def not_found(what: str) -> Problem:
    """Nothing of that name, or nothing that this key may see: the two are not told apart."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"no such {what}, or not one of this key")


def internal() -> Problem:
    """Something that should not have happened; the log says what."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "this server failed; its log says more under this X-Request-Id"
    )


def away() -> Problem:
    """Nothing can be promised without the database."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "database",
        "the database does not answer; nothing was promised",
        retry_after_s=1,
    )
