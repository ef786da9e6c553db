import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from monitor_stream.embedded.processes import ChildProcess

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


def run(code: str, directory: Path) -> ChildProcess:
    return ChildProcess.run(
        [sys.executable, "-c", code],
        directory=directory,
        log_path=directory / "log",
        environment={"GREETING": "hello"},
    )


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    """Both streams are in the log, after what was there; the environment is the parent's and the given one."""
    (tmp_path / "log").write_text("before\n")
    code = "import os, sys; print(os.environ['GREETING'], os.getcwd(), flush=True); sys.exit('bye' if os.environ['PATH'] else 0)"
    child = run(code, tmp_path)
    assert child.wait(20) == 1
    assert (tmp_path / "log").read_text() == f"before\nhello {tmp_path}\nbye\n"
    assert not child.is_running


def test_stubborn_child_is_killed(tmp_path: Path) -> None:
    """A child that ignores the request to end is killed when its time is up."""
    child = run(STUBBORN, tmp_path)
    while not (tmp_path / "log").read_text():
        assert child.is_running
    child.stop(timeout=0.2)
    assert child.exit_code == -signal.SIGKILL
    child.stop(timeout=0.2)
    child.kill()


def test_missing_program_is_reported_at_the_end_of_the_guard(tmp_path: Path) -> None:
    """A command that does not exist ends the child with a message in the log."""
    child = ChildProcess.run(["/no/such/program"], directory=tmp_path, log_path=tmp_path / "log")
    assert child.wait(20) != 0
    assert "FileNotFoundError" in (tmp_path / "log").read_text()


def test_failure_to_fork_reaches_the_caller(tmp_path: Path) -> None:
    """An error in the thread that forks is raised where the child was asked for."""
    with pytest.raises(FileNotFoundError):
        ChildProcess.run(["/bin/true"], directory=tmp_path / "missing", log_path=tmp_path / "log")


def test_a_forked_program_can_start_children(tmp_path: Path) -> None:
    """After os.fork() the child program starts processes of its own, though threads do not survive a fork."""
    code = f"""
import os, sys
from pathlib import Path
from monitor_stream.embedded.processes import ChildProcess
def run():
    return ChildProcess.run(["/bin/true"], directory=Path({str(tmp_path)!r}), log_path=Path({str(tmp_path / "log")!r}))
run().wait(20)
pid = os.fork()
if pid == 0:
    os._exit(run().wait(20))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


def test_guard_refuses_an_orphan(tmp_path: Path) -> None:
    """A guard whose parent is not who it was told ends at once, without running the command."""
    guard = Path(sys.modules[ChildProcess.__module__].__file__ or "").with_name("guard.py")
    marker = tmp_path / "ran"
    command = [sys.executable, "-I", "-S", str(guard), str(os.getpid() + 1), "/usr/bin/touch", str(marker)]
    assert subprocess.run(command, timeout=20, check=False).returncode == 1
    assert not marker.exists()
