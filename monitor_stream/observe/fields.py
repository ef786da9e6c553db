"""Names of any text as fields of a generated type."""

from __future__ import annotations

from collections.abc import Sequence


def can_be_field(name: str) -> bool:
    """Whether msgspec takes the name for a field of a type: none that JSON must escape.

    >>> can_be_field("größe 1.0"), can_be_field('a"b')
    (True, False)
    """
    return not any(character in '"\\' or character < " " for character in name)


def field_names(names: Sequence[str]) -> list[str]:
    """A name in JSON for each field: its own, or where that cannot be, one that nothing else has.

    >>> field_names(["a", 'b"'])
    ['a', 'f1']
    """
    fields = []
    for index, name in enumerate(names):
        field = name if can_be_field(name) else f"f{index}"
        while field != name and field in names:
            field += "_"
        fields.append(field)
    return fields
