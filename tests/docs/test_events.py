import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from monitor_stream.events.deadletter import DeadLetter, Reason
from monitor_stream.events.wire import Label, Prediction

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "events.md"
TEXT = PAGE.read_text(encoding="utf-8")
KINDS = {"prediction": Prediction, "label": Label, "deadletter": DeadLetter}
BLOCKS = re.findall(r"^```json (\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("kind", "text"), BLOCKS, ids=[str(number) for number in range(len(BLOCKS))])
def test_every_example_decodes(kind: str, text: str) -> None:
    """Each event on the page is one the monitor reads, and none of its fields is unknown."""
    decoded = msgspec.json.decode(text, type=KINDS[kind])
    assert set(msgspec.json.decode(text)) <= set(decoded.__struct_fields__)


def test_every_kind_has_an_example() -> None:
    """Predictions, labels and dead letters are shown."""
    assert {kind for kind, _ in BLOCKS} == set(KINDS)
    assert TEXT.count("```json") == len(BLOCKS)


def test_every_field_is_explained() -> None:
    """The table names each field of a prediction."""
    assert [field for field in Prediction.__struct_fields__ if f"`{field}`" not in TEXT] == []


def test_every_reason_is_explained() -> None:
    """The table names each reason of a dead letter."""
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in TEXT] == []


def test_the_dead_letter_holds_what_it_says() -> None:
    """Its value is an event that fails with its detail."""
    text = next(text for kind, text in BLOCKS if kind == "deadletter")
    letter = msgspec.json.decode(text, type=DeadLetter)
    assert letter.value is not None
    assert (len(letter.value), letter.size) == (letter.size, len(letter.value))
    with pytest.raises(msgspec.ValidationError, match=re.escape(letter.detail)):
        msgspec.json.decode(letter.value, type=Prediction)


def test_links_lead_somewhere() -> None:
    """Every relative link of the page is a file."""
    links = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
