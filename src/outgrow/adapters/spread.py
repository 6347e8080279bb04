"""Runs the parts of a study: on the cores of this machine, or on a Dask cluster that is there already."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from concurrent import futures
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from outgrow import __version__
from outgrow.adapters.cores import core_count
from outgrow.domain.errors import NetworkError, OutgrowError, SpecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

CONNECT_S = 10.0
"""A scheduler that does not answer for this long is not there."""

PARTS_PER_CORE = 4
"""Parts handed to a cluster at a time, for each of its cores: so often progress is seen and kept."""


class Runner(Protocol):
    """Does every item and hands the results over as they come, each with the number of its item."""

    def __call__(
        self, do: Callable[[_Item], _Result], items: Sequence[tuple[int, _Item]]
    ) -> Iterator[tuple[int, _Result]]:
        """Numbered items in, numbered results out, in any order."""
        ...


def on_cores(*, threads: bool, cores: int | None = None) -> Runner:
    """The cores of this machine: threads where the work holds no lock, otherwise processes."""

    def run(do: Callable[[_Item], _Result], items: Sequence[tuple[int, _Item]]) -> Iterator[tuple[int, _Result]]:
        count = min(cores or core_count(), max(1, len(items)))
        if count == 1:
            yield from ((number, do(item)) for number, item in items)
            return
        kind = futures.ThreadPoolExecutor if threads else futures.ProcessPoolExecutor
        with kind(max_workers=count) as pool:
            waiting = {pool.submit(do, item): number for number, item in items}
            try:
                for done in futures.as_completed(list(waiting)):
                    yield waiting.pop(done), done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    return run


def on_cluster(address: str) -> Runner:
    """A Dask cluster by its scheduler, ``dask://HOST:PORT``, through joblib's backend.

    Raises `SpecError` for another kind of address or where joblib and Dask are not installed; `NetworkError` where no
    scheduler answers, no worker is there, workers have another outgrow, or the cluster goes away in the middle.
    """
    target = _scheduler(address)
    try:
        import joblib
        from distributed import Client
    except ImportError:
        raise SpecError(
            f"--on: {address} needs joblib and Dask, which are not installed", hint="pip install 'outgrow[cluster]'"
        ) from None

    def run(do: Callable[[_Item], _Result], items: Sequence[tuple[int, _Item]]) -> Iterator[tuple[int, _Result]]:
        _quiet()
        client = _connected(Client, target, address)
        try:
            with _told(client, address):
                cores = _checked_cores(client, address)
            size = max(1, PARTS_PER_CORE * cores)
            for first in range(0, len(items), size):
                batch = items[first : first + size]
                with _told(client, address), joblib.parallel_config(backend="dask", client=client):
                    results = joblib.Parallel(batch_size=1)(joblib.delayed(do)(item) for _, item in batch)
                yield from ((number, result) for (number, _), result in zip(batch, results, strict=True))
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=CONNECT_S)

    return run


def _quiet() -> None:
    """Dask and its loop say nothing of their own: what goes wrong with the cluster is told once, by us."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    for name in (*names, "distributed", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def _told(client: Any, address: str) -> Iterator[None]:
    """A cluster that goes away is a `NetworkError`; what goes wrong in our own code stays what it is."""
    from distributed import KilledWorker

    gone = (OSError, TimeoutError, futures.CancelledError, asyncio.CancelledError, KilledWorker)
    try:
        yield
    except OutgrowError:
        raise
    except (Exception, asyncio.CancelledError) as problem:
        if not isinstance(problem, gone) and client.status == "running":
            raise
        raise NetworkError(
            f"{address}: the cluster went away in the middle ({type(problem).__name__});"
            " with --out the parts played so far are kept",
            hint="run the same command again when it is back, or without --on: it goes on from its parts",
        ) from None


def _scheduler(address: str) -> str:
    """``tcp://HOST:PORT`` of a ``dask://`` address."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "dask" or not parts.hostname or port is None or parts.path not in {"", "/"}:
        raise SpecError(
            f"--on: found {address!r}; a cluster is dask://HOST:PORT", hint="the port of a Dask scheduler is often 8786"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"tcp://{host}:{port}"


def _connected(client: Any, target: str, address: str) -> Any:
    try:
        return client(target, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise NetworkError(
            f"{address}: no Dask scheduler answers ({type(problem).__name__})",
            hint="is it running, and may this machine reach it?",
        ) from None


def _checked_cores(client: Any, address: str) -> int:
    """Cores of the cluster, after a look whether every worker has this outgrow."""
    found = client.run(_worker_version)
    if not found:
        raise NetworkError(f"{address}: the cluster has no workers", hint="start some: dask worker HOST:PORT")
    others = sorted({str(version) for version in found.values() if version != __version__})
    if others:
        raise NetworkError(
            f"{address}: workers have outgrow {', '.join(others)}, this is {__version__}",
            hint="install the same version on every worker",
        )
    return int(sum(client.ncores().values()))


def _worker_version() -> str:
    """Runs on a worker."""
    try:
        import outgrow
    except ImportError:
        return "none"
    return str(outgrow.__version__)


def describe(address: str | None) -> str:
    """Where a study runs, for people."""
    return address or f"{core_count()} of {os.cpu_count()} cores"
