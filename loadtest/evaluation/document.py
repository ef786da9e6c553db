"""Measured figures as a Markdown page. Sections bring sentences and tables; no figure is typed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).parents[2] / "docs" / "evaluation.md"

_HEAD: Final = """\
# Evaluation

What monitor-stream finds, misses and raises falsely on data whose truth is known. `make evaluate` measures everything on this
page anew and writes it; nothing here is typed in. The data come from packages and seeded generators, so the page is the same
on every machine, to the rounding of its figures.
"""


@dataclass(frozen=True)
class Table:
    """Rows under a head; numbers stand right."""

    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def lines(self) -> list[str]:
        cells = [[_cell(value) for value in row] for row in self.rows]
        right = [
            all(_is_number(row[at]) for row in cells if row[at]) and bool(cells)
            for at in range(len(self.head))
        ]
        return [
            _line(self.head),
            _line(["---:" if number else "---" for number in right]),
            *map(_line, cells),
        ]


@dataclass(frozen=True)
class Section:
    """A part of the page: paragraphs and tables, in their order."""

    title: str
    parts: list[str | Table] = field(default_factory=list)

    def add(self, *parts: str | Table) -> None:
        """Append paragraphs or tables."""
        self.parts.extend(parts)

    def lines(self) -> list[str]:
        lines = [f"## {self.title}", ""]
        for part in self.parts:
            lines += [*(part.lines() if isinstance(part, Table) else [part]), ""]
        return lines


def render(sections: Sequence[Section]) -> str:
    """The page.

    >>> print(render([Section("A", [Table(["what", "n"], [["x", 3], ["y", 0.25]])])]).split("## ")[1].strip())
    A
    <BLANKLINE>
    | what | n |
    | --- | ---: |
    | x | 3 |
    | y | 0.25 |
    """
    body = [line for section in sections for line in section.lines()]
    return "\n".join([_HEAD, *body]).rstrip() + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value).replace("|", "\\|")


def _is_number(text: str) -> bool:
    return text[:1].isdigit() or text[:2] in {"-0", "-1"} or text[:1] in {"-", "–"}
