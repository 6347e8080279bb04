"""Many small writes as few statements: while one is under way, those that come wait together for the next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Batches(Generic[Asked, Answer]):
    """Hands what is put to ``write`` in groups of at most ``most``, one group at a time; nothing waits for company."""

    def __init__(self, write: Callable[[list[Asked]], Awaitable[list[Answer]]], most: int) -> None:
        """``write`` answers one thing for each it is given, in order."""
        self._write = write
        self._most = most
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def put(self, asked: Asked) -> Answer:
        """What ``write`` answered, or what it raised."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="batches")
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            try:
                await self._write_group(group)
            finally:
                for _, future in group:
                    future.cancel()  # of those that were answered nothing is changed

    async def _write_group(self, group: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        """One write; where one of several cannot be written the others are, one by one."""
        from psycopg import DataError, IntegrityError

        try:
            answers = await self._write([asked for asked, _ in group])
        except (DataError, IntegrityError) as problem:
            if len(group) == 1:
                _fail(group, problem)
            else:
                for one in group:
                    await self._write_group([one])
        except Exception as problem:  # noqa: BLE001 - whoever put it decides
            _fail(group, problem)
        else:
            for (_, future), answer in zip(group, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(group: list[tuple[Asked, asyncio.Future[Answer]]], problem: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(problem)
