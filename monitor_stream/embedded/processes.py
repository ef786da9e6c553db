"""Child processes that outlive a Ctrl-C but never their parent."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self

_GUARD = Path(__file__).with_name("guard.py")


class ChildProcess:
    """One running command, its output in a log file.

    It runs in a session of its own, so that Ctrl-C reaches the parent only, which then stops its children in order.
    The kernel kills it when the parent dies, however the parent dies (on Linux; elsewhere an orderly stop is needed).
    """

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    @classmethod
    def run(
        cls,
        command: Sequence[str | Path],
        *,
        directory: Path,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """Start the command in the directory, appending its output to the log."""
        guarded = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *map(str, command)]
        return cls(
            _in_lasting_thread(
                lambda: _popen(guarded, directory=directory, log_path=log_path, environment=environment)
            )
        )

    @property
    def pid(self) -> int:
        """The process's id, the same before and after the guard became the command."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs."""
        return self._popen.poll()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self.exit_code is None

    def wait(self, timeout: float) -> int:
        """Wait for its end; raise `subprocess.TimeoutExpired` if it does not come in time."""
        return self._popen.wait(timeout)

    def stop(self, timeout: float) -> None:
        """Ask it to end, and kill it if it has not ended in time. Harmless if it has ended already."""
        self._popen.terminate()
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would, without a chance to flush anything."""
        self._popen.send_signal(signal.SIGKILL)
        self._popen.wait()


def _popen(
    command: list[str], *, directory: Path, log_path: Path, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    with log_path.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=directory,
            env=None if environment is None else {**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


# The kernel sends the parent-death signal when the *thread* that forked ends, not its process. A server started from a
# pool's worker would die with that worker. So one thread does all the forking, and lasts as long as the process.

_requests: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
_requests = queue.SimpleQueue()
_thread: threading.Thread | None = None
_thread_lock = threading.Lock()


def _in_lasting_thread(fork: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    _start_thread()
    answer: Future[subprocess.Popen[bytes]] = Future()
    _requests.put((fork, answer))
    return answer.result()


def _start_thread() -> None:
    global _thread  # noqa: PLW0603 one thread a process is the point
    with _thread_lock:
        if _thread is None:
            # A daemon: joined at interpreter exit, it would end before the caller's own orderly stop.
            _thread = threading.Thread(target=_serve, name="embedded-forker", daemon=True)
            _thread.start()


def _serve() -> None:
    while True:
        fork, answer = _requests.get()
        try:
            answer.set_result(fork())
        except BaseException as error:  # noqa: BLE001 it is the caller's to handle
            answer.set_exception(error)


def _forget_thread() -> None:
    """Begin anew in a forked child: threads do not survive a fork."""
    global _thread, _requests, _thread_lock
    _thread, _requests, _thread_lock = None, queue.SimpleQueue(), threading.Lock()


os.register_at_fork(after_in_child=_forget_thread)
