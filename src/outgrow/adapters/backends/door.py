"""The last door: which payload may be handed to which backend, checked where it would leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, final

from outgrow.domain.errors import OutgrowError

if TYPE_CHECKING:
    from outgrow.domain.backend import Backend
    from outgrow.domain.task import DataClass

Allows = Callable[["DataClass", "Backend"], bool]
"""May a payload of this class be handed to this backend? What the policy's ``may_reach`` answers."""

_BY_THE_DOOR: Final = object()


class NotAllowedError(OutgrowError):
    """A payload was about to be handed to a backend that may not have it."""


@final
class Cleared:
    """A backend that may have the payloads of a class. Only `Door.clear` makes one; nothing is sent without."""

    __slots__ = ("backend", "data")

    def __init__(self, data: DataClass, backend: Backend, *, by: object) -> None:
        """Refuses whoever is not the door."""
        if by is not _BY_THE_DOOR:
            raise NotAllowedError("a payload is cleared by Door.clear alone")
        self.data = data
        self.backend = backend


class Door:
    """Asks the rule for every payload. A rule that fails is a no."""

    __slots__ = ("_allows",)

    def __init__(self, allows: Allows) -> None:
        """``allows`` has no default: who opens a door says for whom."""
        self._allows = allows

    def clear(self, data: DataClass, backend: Backend) -> Cleared:
        """The backend, cleared for this class. Raises `NotAllowedError`."""
        if self._allows(data, backend) is not True:
            raise NotAllowedError(
                f"backend {backend.name!r}: {data.value} data may not go to {backend.trust.value}"
                f" ({backend.operator}, {backend.country or 'country unknown'})",
                hint="route the task to a backend that its data class allows",
            )
        return Cleared(data, backend, by=_BY_THE_DOOR)
