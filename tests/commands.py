"""Programs from the system that tests run."""

import shutil

import pytest


def find_command(name: str) -> str:
    """Return the program's path; fail the test if it is missing, for a skipped check looks like a passed one."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"this test needs the program {name}: run tests/system-packages.sh as root", pytrace=False
        )
    return path
