"""What a check found."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["ok", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """`fail` keeps a worker from running or from being right; `warn` may do so one day. `advice` says what to do."""

    verdict: Verdict
    check: str
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding("ok", check, found)


def warn(check: str, found: str, advice: str) -> Finding:
    """It works, for now."""
    return Finding("warn", check, found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """It does not work."""
    return Finding("fail", check, found, advice)
