"""Write every committed file that is made from code: `python -m monitor_stream.generate`, or `--check` to compare.

A test compares them too, so a stale one never gets far.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent

#: What is made, and by whom (``module:function``). A path to a file takes a function that returns its text; a path to a
#: folder, with a slash at its end, one that returns the text of each of its files by name.
MADE: Final[Mapping[str, str]] = {
    "topics/schemas/": "monitor_stream.topics.schemas:render_all",
    "topics/asyncapi.yaml": "monitor_stream.topics.asyncapi:render",
    "docs/settings.md": "monitor_stream.config.reference:render",
    "docs/metrics.md": "monitor_stream.metrics.reference:render",
    "grafana/dashboards/": "grafana.dashboard:render_all",
    "docs/reliability.md": "loadtest.publish:render",
    "docs/images/backpressure.svg": "loadtest.publish:curve",
}


def files() -> Iterator[tuple[Path, str]]:
    """Every file, and what it should hold."""
    for place, maker in MADE.items():
        made = _call(maker)
        if isinstance(made, str):
            yield ROOT / place, made
        else:
            for name, text in made.items():
                yield ROOT / place / name, text


def stale() -> list[Path]:
    """The files that are not what they should be, and those in a made folder that nobody makes any more."""
    wanted = dict(files())
    folders = [ROOT / place for place in MADE if place.endswith("/")]
    there = {path for folder in folders for path in folder.glob("*") if path.is_file()}
    return sorted({path for path, text in wanted.items() if _read(path) != text} | (there - wanted.keys()))


def write() -> list[Path]:
    """Make them all; those that changed."""
    changed, wanted = stale(), dict(files())
    for path in changed:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return changed


def main(arguments: list[str] | None = None) -> int:
    """The exit code is 1 when `--check` finds a stale file."""
    parser = argparse.ArgumentParser(prog="python -m monitor_stream.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, name what is stale")
    check = parser.parse_args(arguments).check
    changed = stale() if check else write()
    for path in changed:
        sys.stdout.write(f"{'stale' if check else 'made'}: {path.relative_to(ROOT)}\n")
    return 1 if check and changed else 0


def _call(maker: str) -> str | Mapping[str, str]:
    module, _, function = maker.partition(":")
    made: str | Mapping[str, str] = getattr(importlib.import_module(module), function)()
    return made


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
