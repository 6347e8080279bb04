"""The one tree of errors. Libraries raise these; only ``cli`` turns them into exit codes."""

from __future__ import annotations


class OutgrowError(Exception):
    """Something the person at the terminal can act on.

    ``message`` names the thing, its place, what was found and what is allowed; ``hint`` is the next move.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keeps both for whoever shows them."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(OutgrowError):
    """The service spec cannot be used as written. Carries every problem found, one per line."""


class TraceError(OutgrowError):
    """A request trace cannot be read, or says too little to be fitted."""


class RecordError(OutgrowError):
    """A decision record cannot be read or written."""


class PriceError(OutgrowError):
    """A price file is wrong, or a price that is needed does not exist."""


class StalePriceError(OutgrowError):
    """Every option left rests on a price older than the allowed age."""


class NetworkError(OutgrowError):
    """A provider could not be reached; nothing was changed."""


class DatabaseError(OutgrowError):
    """PostgreSQL cannot be started, reached, migrated, backed up or restored as asked."""


class VectorError(OutgrowError):
    """A collection, an item or a query is not as it may be. Nothing was stored."""


class UnknownCollection(VectorError):  # noqa: N818 - as its neighbours in words
    """There is no collection of that name."""


class CollectionConflict(VectorError):  # noqa: N818
    """The collection is there with other settings, or is in use by what excludes this."""


class Conflict(OutgrowError):  # noqa: N818 - the word of the API for it
    """An idempotency key was used before, for something else."""
