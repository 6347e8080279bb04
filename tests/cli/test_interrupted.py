"""Interrupted while it is still importing, and after it has said everything."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from outgrow.adapters.interruption import after_this

EARLY = """
import sys
class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == "outgrow.cli.main":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Impatient())
from outgrow.__main__ import main
sys.argv = ["outgrow", "schema"]
sys.exit(main())
"""
LATE = """
import os, signal, sys
class Late:
    def __del__(self, kill=os.kill, own=os.getpid(), interrupt=signal.SIGINT):
        kill(own, interrupt)
late = Late()
from outgrow.__main__ import main
sys.argv = ["outgrow", "schema"]
sys.exit(main())
"""
WAITING = """
import os, signal, sys, threading, time
from outgrow.__main__ import main
def work():
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
threading.Thread(target=work).start()
sys.argv = ["outgrow", "schema"]
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize(
    ("script", "code", "said"),
    [(EARLY, 130, "interrupted; nothing was left half-written\n"), (LATE, 0, ""), (WAITING, 130, "")],
)
def test_an_interruption_is_never_a_traceback(script: str, code: int, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (code, said)


def test_the_installed_command_goes_through_the_same_door() -> None:
    (command,) = entry_points(group="console_scripts", name="outgrow")
    assert command.value == "outgrow.__main__:main"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_an_interruption_while_a_spec_is_checked_counts_when_it_is() -> None:
    done = []

    def work() -> None:
        with after_this():
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
