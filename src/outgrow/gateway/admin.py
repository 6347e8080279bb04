"""`/v1/admin`: keys and the audit log, for administrators alone."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from outgrow.adapters.postgres.keys import ADMIN, Granted, KeyProblem
from outgrow.gateway.problem import Problem, not_found
from outgrow.gateway.runtime import TheCaller, TheRuntime
from outgrow.gateway.shapes import KeyIn, KeyOut, NewKeyOut, RotateIn

KEYS = APIRouter(prefix="/v1/admin", tags=["administration"])
KeyName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class NotedOut(BaseModel):
    """One line of the audit log."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@KEYS.post("/keys", status_code=HTTPStatus.CREATED, responses={409: {}})
async def create(asked: KeyIn, runtime: TheRuntime, caller: TheCaller) -> NewKeyOut:
    """Makes a key. Its secret is shown in this answer and nowhere again."""
    caller.must(ADMIN)
    try:
        secret, made = await runtime.keys.create(
            asked.name, asked.scopes, tasks=asked.tasks, expires_in_s=asked.expires_in_s, actor=caller.key
        )
    except KeyProblem as problem:
        taken = "exists" in problem.message
        status = HTTPStatus.CONFLICT if taken else HTTPStatus.UNPROCESSABLE_ENTITY
        raise Problem(status, "key-exists" if taken else "invalid", problem.message) from problem
    return NewKeyOut(secret=secret, key=_out(made))


@KEYS.get("/keys")
async def browse(runtime: TheRuntime, caller: TheCaller) -> list[KeyOut]:
    """Every key there has been, without secrets."""
    caller.must(ADMIN)
    return [_out(one) for one in await runtime.keys.everything()]


@KEYS.post("/keys/{name}/rotate", status_code=HTTPStatus.CREATED)
async def rotate(name: KeyName, asked: RotateIn, runtime: TheRuntime, caller: TheCaller) -> NewKeyOut:
    """A new secret; the present one works on for ``overlap_s``, so that its holder can change over."""
    caller.must(ADMIN)
    try:
        secret, made = await runtime.keys.rotate(name, asked.overlap_s, actor=caller.key)
    except KeyProblem as problem:
        raise not_found("key") from problem
    return NewKeyOut(secret=secret, key=_out(made))


@KEYS.delete("/keys/{name}", status_code=HTTPStatus.NO_CONTENT)
async def revoke(name: KeyName, runtime: TheRuntime, caller: TheCaller) -> None:
    """Ends every secret of the key at once, on every instance."""
    caller.must(ADMIN)
    try:
        await runtime.keys.revoke(name, actor=caller.key)
    except KeyProblem as problem:
        raise not_found("key") from problem


@KEYS.get("/audit")
async def audit(
    runtime: TheRuntime, caller: TheCaller, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[NotedOut]:
    """Who changed what, newest first."""
    caller.must(ADMIN)
    return [
        NotedOut(at=one.at, actor=one.actor, action=one.action, subject=one.subject, detail=one.detail)
        for one in await runtime.keys.audit(limit)
    ]


def _out(made: Granted) -> KeyOut:
    key = made.key
    return KeyOut(
        id=key.id,
        name=key.name,
        shown=key.shown,
        scopes=list(made.scopes),
        tasks=None if key.tasks is None else sorted(key.tasks),
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        successor=key.successor,
    )
