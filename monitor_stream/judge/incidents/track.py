"""One thing that is followed: quiet, pending after one look that fires, firing, and quiet again."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from monitor_stream.events.results import Finding, Severity
from monitor_stream.judge.incidents.looks import LOSS, MOMENTARY, Key, Look, excess

#: Looks in a row that must fire: the budget of false alarms is spent once, a second look is nearly free.
OPEN_LOOKS: Final = 2
#: So many times its threshold needs no second look: a night is too long to wait for the day after.
OVERWHELMING: Final = 2.0
#: Looks in a row that must be low before it is over: one more than it took, so that a lull is not an end.
CLOSE_LOOKS: Final = 3
#: What is low: less than this part of the way from the usual to the threshold. Between, it is neither worse nor well.
CLOSES_BELOW: Final = 0.8
#: Looks remembered. So many that do not fire are an end too, even if they are not low.
ROW: Final = 6
#: Checks that gather evidence over many errors or spans before they fire, as a contradiction does: a second look would be at
#: the same evidence.
PATIENT: Final = MOMENTARY | {"cusum"}

Change = Literal["opened", "raised", "closed"]


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What one look says."""

    start: float
    end: float
    fires: bool
    strong: bool  # needs no second look
    low: bool
    momentary: bool


class Track(msgspec.Struct, array_like=True):
    """See the module's docstring.

    `since` is where the first look of those that fire began, `findings` are those of the newest look that fired,
    `incident` is the one that it belongs to, or belonged to last, and `closed` when it left it.
    """

    key: Key
    row: list[Verdict] = []
    is_firing: bool = False
    severity: Severity = "warning"
    since: float = 0.0
    findings: list[Finding] = []
    incident: str = ""
    closed: float = 0.0

    @property
    def is_pending(self) -> bool:
        """Whether it has fired, and waits for a second look."""
        return not self.is_firing and bool(self.row) and self.row[-1].fires

    @property
    def fires_since(self) -> float | None:
        """Where the first of its looks that fire began, or of those that did lately; ``None`` where none did."""
        return self.since if self.is_firing else next((seen.start for seen in self.row if seen.fires), None)

    @property
    def newest(self) -> float:
        """The end of the newest look."""
        return self.row[-1].end if self.row else 0.0

    def see(self, look: Look) -> Change | None:
        """Take a look in. One over a stretch that was looked at before takes its place; one from further back is none."""
        if not self._note(verdict(look)):
            return None
        firing = look.firing
        if firing:
            self.findings = firing
        if self.is_firing:
            return self._go_on(firing)
        run = list(itertools.takewhile(lambda seen: seen.fires, reversed(self.row)))
        if run and (run[0].strong or len(run) >= OPEN_LOOKS):
            self.is_firing, self.since, self.severity = True, run[-1].start, severity(firing)
            return "opened"
        return None

    def close(self) -> None:
        """Be quiet, whatever the looks said."""
        self.is_firing, self.row, self.severity = False, [], "warning"

    def _go_on(self, firing: list[Finding]) -> Change | None:
        if self._is_over():
            self.close()
            return "closed"
        if self.severity == "warning" and severity(firing) == "critical":
            self.severity = "critical"
            return "raised"
        return None

    def _is_over(self) -> bool:
        newest = self.row[-1]
        if newest.momentary and newest.low:
            # A detector saw the level fall. That is the end, unless the span before was still too high.
            return not next((seen.fires for seen in reversed(self.row) if not seen.momentary), False)
        low = sum(1 for _ in itertools.takewhile(lambda seen: seen.low, reversed(self.row)))
        return low >= CLOSE_LOOKS or not any(seen.fires for seen in self.row)

    def _note(self, new: Verdict) -> bool:
        for at, seen in enumerate(self.row):
            if seen.start == new.start and not (seen.momentary or new.momentary):
                self.row[at] = new
                return True
        if self.row and new.end < self.row[-1].end:
            return False
        self.row = [*self.row, new][-ROW:]
        return True


def verdict(look: Look) -> Verdict:
    """What a look says."""
    firing = look.firing
    return Verdict(
        start=look.start,
        end=look.end,
        fires=bool(firing),
        strong=any(
            _is_patient(finding) or finding.effect >= OVERWHELMING or is_loss(finding) for finding in firing
        ),
        low=not firing and all(excess(finding) < CLOSES_BELOW for finding in look.findings),
        momentary=all(finding.check in MOMENTARY for finding in look.findings),
    )


def severity(findings: Iterable[Finding]) -> Severity:
    """Only loss pages: errors that are, or are likely to be, worse than the baseline allows, and answers that do not come."""
    return "critical" if any(map(is_loss, findings)) else "warning"


def is_loss(finding: Finding) -> bool:
    """Whether it is a reason to wake somebody."""
    return finding.firing and finding.signal in LOSS and finding.severity == "critical"


def _is_patient(finding: Finding) -> bool:
    return finding.check in PATIENT or finding.signal == "contradiction"
