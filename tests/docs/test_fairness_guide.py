"""docs/guide/fairness.md: its spec is one, and it names every criterion and measure."""

import re
from pathlib import Path

import msgspec

from monitor_stream.events.spec import ModelSpec
from monitor_stream.judge.fairness.attributes import attributes
from monitor_stream.judge.fairness.criteria import CRITERIA

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "fairness.md").read_text(encoding="utf-8")


def test_the_example_is_part_of_a_spec() -> None:
    """It decodes, with the defaults as its rules, and makes three attributes of two names."""
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    spec = msgspec.convert({"model": "m", "task": "binary"} | msgspec.json.decode(example), ModelSpec)
    assert attributes(spec) == ["sex", "region", "sex & region"]
    assert spec.fairness == ModelSpec(model="m", task="binary").fairness


def test_every_criterion_and_measure_is_named() -> None:
    """Those of all tasks, as they stand in the results."""
    for criteria in CRITERIA.values():
        for criterion, measures in criteria.items():
            assert f"`{criterion}`" in PAGE
            assert all(f"`{measure}`" in PAGE for measure in measures)
