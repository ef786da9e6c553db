"""``python -m loadtest.evaluation``: measure everything and write docs/evaluation.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from loadtest.evaluation import (
    ablations,
    bike,
    carloan,
    comparison,
    detectors,
    estimates,
    fairness,
    flights,
    null,
    outliers,
)
from loadtest.evaluation.document import PAGE, Section, render

PARTS: dict[str, Callable[[], Section]] = {
    "detectors": detectors.section,
    "null": null.section,
    "carloan": carloan.section,
    "bike": bike.section,
    "flights": flights.section,
    "ablations": ablations.section,
    "comparison": comparison.section,
    "fairness": fairness.section,
    "estimates": estimates.section,
    "outliers": outliers.section,
}


def main() -> None:
    """Run by the command line's arguments."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=PARTS, action="append", help="print these parts, and write no page")
    parser.add_argument("--out", type=Path, default=PAGE, help="where the page goes")
    arguments = parser.parse_args()
    sections = [_timed(name, PARTS[name]) for name in arguments.only or PARTS]
    page = render(sections)
    if arguments.only:
        sys.stdout.write(page)
    else:
        arguments.out.write_text(page)


def _timed(name: str, part: Callable[[], Section]) -> Section:
    began = time.monotonic()
    found = part()
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
