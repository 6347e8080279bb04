"""The command, by ``outgrow`` and by ``python -m outgrow``: interrupted at any moment, it ends in one line and 130.

Nothing is imported before the interruption of it is provided for.
"""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """Runs the command line and returns its exit code."""
    try:
        import atexit

        atexit.register(_deaf)
        from outgrow.cli.main import main as run

        code = run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was left half-written\n")
        code = INTERRUPTED
    _impatient()
    return code


def _deaf() -> None:
    """The work is done and its code is known: while Python takes itself apart there is nothing to interrupt."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _impatient() -> None:
    """What is left is waiting for threads: whoever interrupts that is let go."""
    import os
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell may have made us deaf from the start
        signal.signal(signal.SIGINT, lambda _signal, _frame: os._exit(INTERRUPTED))


if __name__ == "__main__":
    raise SystemExit(main())
