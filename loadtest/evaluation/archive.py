"""Data files out of a Python package's archive: fetched once, checked, never installed or imported."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from monitor_stream.embedded.jars import cache


def member(package: str, sha256: str, name: str) -> bytes:
    """One file of a package such as ``nannyml==0.13.1``; raises `OSError` where the archive is not the known one."""
    with zipfile.ZipFile(_wheel(package, sha256)) as wheel:
        return wheel.read(name)


def _wheel(package: str, sha256: str) -> Path:
    kept = cache() / f"{package.replace('==', '-')}.whl"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            print(f"Fetching {package}, this once", file=sys.stderr)
            pip = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "download",
                "--quiet",
                "--no-deps",
            ]
            subprocess.run([*pip, "--dest", scratch, package], check=True)
            (found,) = Path(scratch).iterdir()
            if hashlib.sha256(found.read_bytes()).hexdigest() != sha256:
                raise OSError(f"{package} is not the file this evaluation was made for")
            found.replace(kept)
    return kept
