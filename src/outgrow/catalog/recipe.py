"""What an option file provides. Adding an option is one file in `outgrow.catalog.options` and its test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.option import Question, Rejection, Shape
    from outgrow.domain.workload import Pins


class Recipe(Protocol):
    """How one option is built for a workload."""

    @property
    def id(self) -> str:
        """The id of the option, as in the JSON answers."""
        ...

    @property
    def question(self) -> Question:
        """Which of the two questions it answers."""
        ...

    @property
    def order(self) -> int:
        """Its place in listings."""
        ...

    @property
    def reference(self) -> Pins:
        """The sizes ``as written`` when the spec pins none."""
        ...

    def settings(self, ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
        """The settings worth trying; the cheapest that meets the constraints is the sized option."""
        ...

    def sized(self, ctx: Context, settings: Mapping[str, str | int | float]) -> Shape | Rejection:
        """The smallest sizes that carry the workload with these settings."""
        ...

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        """The option with pinned sizes, whatever the workload needs."""
        ...
