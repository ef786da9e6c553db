from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor_stream.errors import TopicsError
from monitor_stream.events.fold import Topic
from monitor_stream.settings import Settings
from monitor_stream.topics import Declaration, Existing, declarations
from monitor_stream.topics.declaration import ROLES, override
from monitor_stream.topics.plan import compare

NAMES: Mapping[Topic, str] = {role: Settings().topic(role) for role in ROLES}


def as_declared(wanted: Mapping[Topic, Declaration], records: int = 0) -> dict[Topic, Existing]:
    return {
        role: Existing(
            partitions=declaration.partitions,
            replication=declaration.replication or 1,
            config={name: str(value) for name, value in declaration.config.items()},
            records=records,
        )
        for role, declaration in wanted.items()
    }


def changed(topic: Existing, **config: str) -> Existing:
    return Existing(topic.partitions, topic.replication, {**topic.config, **config}, topic.records)


@given(
    partitions=st.one_of(st.none(), st.integers(1, 100)),
    replication=st.one_of(st.none(), st.integers(1, 5)),
    there=st.sets(st.sampled_from(ROLES)),
    records=st.integers(0, 10),
)
def test_applying_a_plan_leaves_nothing_to_do(
    partitions: int | None, replication: int | None, there: set[Topic], records: int
) -> None:
    """Whatever part of the topics was made before by the same declarations, the rest is created and no more."""
    wanted = override(declarations(), partitions=partitions, replication=replication)
    existing = {role: topic for role, topic in as_declared(wanted, records).items() if role in there}
    plan = compare(wanted, NAMES, existing, exact=partitions is not None)
    assert {change.role for change in plan.changes} == set(ROLES) - there
    assert not plan.impossible
    assert not plan.dangers
    assert compare(wanted, NAMES, as_declared(wanted, records), exact=partitions is not None).is_empty


def test_more_partitions_than_declared_are_kept() -> None:
    """A declaration says how many a topic begins with: growing it by hand is no difference to report."""
    grown = as_declared(override(declarations(), partitions=12, replication=None))
    assert compare(declarations(), NAMES, grown).is_empty


def test_partitions_cannot_be_taken_away() -> None:
    """Asked by hand for fewer than there are, a plan says that it cannot be, and what to do."""
    wanted = override(declarations(), partitions=2, replication=None)
    plan = compare(wanted, NAMES, as_declared(declarations()), exact=True)
    assert any(
        "monitor.predictions has 4 partitions, and Kafka cannot take any away" in text
        for text in plan.impossible
    )


def test_growing_a_keyed_topic_with_records_is_dangerous() -> None:
    """More partitions send a key elsewhere than before: harmless on an empty topic alone."""
    wanted = override(declarations(), partitions=8, replication=None)
    assert not compare(wanted, NAMES, as_declared(declarations()), exact=True).dangers
    plan = compare(wanted, NAMES, as_declared(declarations(), records=5), exact=True)
    assert len(plan.dangers) == 3
    assert "monitor.predictions holds 5 records" in plan.dangers[0]


@pytest.mark.parametrize(
    ("setting", "before", "dangerous"),
    [
        ("retention.ms", "1209600000", True),
        ("retention.ms", "-1", True),
        ("retention.ms", "1000", False),
        ("cleanup.policy", "compact", True),
        ("compression.type", "gzip", False),
        ("max.message.bytes", "99", False),
    ],
)
def test_what_deletes_records_is_dangerous(setting: str, before: str, dangerous: bool) -> None:
    """Keeping less, for ever turned into a while, and another cleanup policy are; the rest is not."""
    there = as_declared(declarations())
    there["predictions"] = changed(there["predictions"], **{setting: before})
    plan = compare(declarations(), NAMES, there)
    assert [(change.setting, change.before) for change in plan.changes] == [(setting, before)]
    assert bool(plan.dangers) is dangerous


def test_unequal_partitions_of_predictions_and_labels_are_impossible() -> None:
    """A label would never meet its prediction: the plan says so, and how to mend it."""
    there = as_declared(declarations())
    there["predictions"] = Existing(8, 1, there["predictions"].config, 0)
    plan = compare(declarations(), NAMES, there)
    (sentence,) = plan.impossible
    assert sentence.startswith(
        "monitor.predictions has 8 partitions and monitor.labels 4: with unequal numbers"
    )
    assert sentence.endswith("monitor-stream topics apply --partitions 8.")


def test_replication_is_not_changed_from_here() -> None:
    """Copies are moved with Kafka's own tool, and the plan names it."""
    wanted = override(declarations(), partitions=None, replication=3)
    plan = compare(wanted, NAMES, as_declared(declarations()))
    assert len(plan.impossible) == len(ROLES)
    assert "kafka-reassign-partitions.sh" in plan.impossible[0]


def test_declarations_say_why() -> None:
    """Every topic gives its reasons, predictions and labels have equal numbers, deltas may be large."""
    declared = declarations()
    assert all(len(declaration.why) > 40 and declaration.why_partitions for declaration in declared.values())
    assert declared["predictions"].partitions == declared["labels"].partitions == 4
    assert declared["deltas"].config["max.message.bytes"] == 4 << 20
    assert declared["models"].config["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("partitions: 0", "Expected `int` >= 1"),
        ("partitons: 4", "missing required field|unknown field"),
        ("{", "is not valid"),
    ],
)
def test_a_wrong_declaration_is_named(tmp_path: Path, text: str, reason: str) -> None:
    """A file that does not read is an error with its path."""
    (tmp_path / "predictions.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(TopicsError, match=rf"predictions\.yaml.*({reason})"):
        declarations(tmp_path)


def test_a_missing_declaration_is_named(tmp_path: Path) -> None:
    """A folder of declarations is whole or an error."""
    with pytest.raises(TopicsError, match=r"predictions\.yaml cannot be read: No such file"):
        declarations(tmp_path)
