"""Run a command that dies with its parent: `python -I -S guard.py PARENT_PID COMMAND...`.

A script of its own, executed in the child: after a fork in a program with threads nothing but exec is safe, so the
parent must not do this in a `preexec_fn`. The request survives the exec that follows. Imports only the standard
library, to cost little more than the start of an interpreter.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel to kill us when our parent dies, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
