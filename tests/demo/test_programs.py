import time
from pathlib import Path

import psutil
import pytest

from monitor_stream.demo.programs import Program
from monitor_stream.errors import EngineError


def await_end(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_program_that_was_killed_is_started_again(tmp_path: Path) -> None:
    """The sentence says what killed it, the count goes up, and the end of the block ends the new one."""
    with Program("version", directory=tmp_path, environment={}) as program:
        first = program.pid
        psutil.Process(first).suspend()
        psutil.Process(first).kill()
        await_end(first)
        assert program.keep_running() == (
            f"The version was killed by signal 9; started again as process {program.pid}"
        )
        second = program.pid
        assert second != first
        assert program.restarts == 1
    assert not psutil.pid_exists(second)


def test_a_program_that_keeps_dying_is_given_up_with_its_log(tmp_path: Path) -> None:
    """After five deaths in a minute the error tells how it ended and what it wrote."""
    with Program("no-such-command", directory=tmp_path, environment={}) as program:
        for _ in range(5):
            await_end(program.pid)
            assert program.keep_running()
        await_end(program.pid)
        with pytest.raises(EngineError, match=r"exit code 2, 6 times in a minute(.|\n)*No such command"):
            program.keep_running()
