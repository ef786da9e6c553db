"""What is sensitive, and its groups."""

from __future__ import annotations

from collections.abc import Iterable

from monitor_stream.events.spec import OTHER, ModelSpec
from monitor_stream.events.tables import TOGETHER, pair_name, segment_group


def attributes(spec: ModelSpec) -> list[str]:
    """Sensitive names, and pairs of them that are followed together.

    >>> pairs = [("sex", "region"), ("sex", "tariff")]
    >>> attributes(ModelSpec(model="m", task="binary", sensitive=["sex", "region"], segment_pairs=pairs))
    ['sex', 'region', 'sex & region']
    """
    pairs = [pair_name(*pair) for pair in spec.segment_pairs if set(pair) <= set(spec.sensitive)]
    return list(dict.fromkeys([*spec.sensitive, *pairs]))


def values(attribute: str, groups: Iterable[str]) -> list[str]:
    """The values of an attribute among groups.

    >>> values("sex", ["", "sex=f", "age=30", "sex=m"])
    ['f', 'm']
    """
    prefix = segment_group(attribute, "")
    return [group.removeprefix(prefix) for group in groups if group.startswith(prefix)]


def is_group(value: str) -> bool:
    """Whether a value is one group of people: neither missing, nor all beyond the bound together.

    >>> [is_group(value) for value in ("f", "", "__other__", "f & ", "f & north")]
    [True, False, False, False, True]
    """
    return not {"", OTHER} & set(value.split(TOGETHER))
