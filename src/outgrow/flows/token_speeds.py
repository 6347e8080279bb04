"""Do stated speeds of tokens mean anything for a trace?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.domain.errors import TraceError
from outgrow.domain.message import message
from outgrow.domain.trace import Totals

if TYPE_CHECKING:
    from outgrow.domain.message import Message
    from outgrow.domain.trace import Trace
    from outgrow.fit.process import Speeds


def speed_notes(trace: Trace | Totals, speeds: Speeds) -> tuple[Message, ...]:
    """How speeds are used, where not all as asked. Raises `TraceError` for the speed of tokens that are not there."""
    given = {"input": speeds.input_per_s, "output": speeds.output_per_s}
    if not any(given.values()):
        return ()
    counted = {
        "input": None if isinstance(trace, Totals) else trace.input_tokens,
        "output": None if isinstance(trace, Totals) else trace.output_tokens,
    }
    for kind, speed in given.items():
        if speed is not None and counted[kind] is None:
            raise TraceError(
                f"--{kind}-tokens-per-s: found {speed:g}, and {trace.name} counts no {kind} tokens",
                hint=f"leave it out, or name the column: --column {kind}_tokens=NAME",
            )
    if isinstance(trace, Totals) or trace.service_s is not None:
        return (message("trace.speeds-unused"),)
    left = [kind for kind, speed in given.items() if speed is None and counted[kind] is not None]
    return tuple(message("trace.speed-missing", kind=kind) for kind in left)
