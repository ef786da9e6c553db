import pytest

from monitor_stream.errors import InputError
from monitor_stream.events.spec import Feature, ModelSpec
from monitor_stream.replay.columns import Columns

SPEC = ModelSpec(
    model="m",
    task="regression",
    features=[Feature(name="age", kind="numeric")],
    segments=["city", "age"],
    sensitive=["sex"],
)


def test_roles_are_found_by_name() -> None:
    """A table whose columns bear the names of roles, features and segments needs no telling."""
    found = Columns.find(SPEC, ["timestamp", "prediction", "label", "age", "city", "sex", "other"])
    assert (found.timestamp, found.prediction, found.label, found.score) == (
        "timestamp",
        "prediction",
        "label",
        None,
    )
    assert found.features == {"age": "age"}
    assert found.segments == {"city": "city", "sex": "sex"}
    assert found.used() == ["timestamp", "prediction", "label", "age", "city", "sex"]


def test_what_is_given_wins() -> None:
    """A role that is told takes that column, named ones too."""
    found = Columns.find(
        SPEC,
        ["timestamp", "at", "prediction", "a", "p"],
        {"timestamp": "at", "feature.age": "a", "score.cat": "p"},
    )
    assert found.timestamp == "at"
    assert found.features == {"age": "a"}
    assert found.scores == {"cat": "p"}


def test_an_interval_has_both_ends_or_none() -> None:
    """Columns of the roles' names are found together; one of them alone is left alone."""
    both = Columns.find(SPEC, ["timestamp", "prediction", "interval_low", "top"], {"interval_high": "top"})
    assert (both.interval_low, both.interval_high) == ("interval_low", "top")
    assert both.used() == ["timestamp", "prediction", "interval_low", "top"]
    one = Columns.find(SPEC, ["timestamp", "prediction", "interval_high"])
    assert (one.interval_low, one.interval_high) == (None, None)


def test_what_pairs_of_segments_are_made_of_is_found_by_name() -> None:
    """A name that stands in a pair alone is a segment too."""
    spec = ModelSpec(model="m", task="regression", segment_pairs=[("city", "sex")])
    assert Columns.find(spec, ["timestamp", "prediction", "sex"]).segments == {"sex": "sex"}


@pytest.mark.parametrize(
    ("names", "given", "sentence"),
    [
        (
            ["timestamp", "prediction", "low"],
            {"interval_low": "low"},
            "two ends: name the other with --columns interval_high=COLUMN",
        ),
        (["prediction"], {}, "No column says when the predictions were made"),
        (["timestamp"], {}, "No column holds the predictions"),
        (["timestamp"], {"time": "timestamp"}, "no role 'time'; the roles are prediction_id, timestamp"),
        (["timestamp"], {"feature.": "timestamp"}, "no role 'feature.'"),
        (["timestamp"], {"label": "y"}, "no column 'y'; its columns are timestamp"),
    ],
)
def test_what_cannot_be_is_said(names: list[str], given: dict[str, str], sentence: str) -> None:
    """Each mistake has a sentence that says what there is."""
    with pytest.raises(InputError, match=sentence):
        Columns.find(SPEC, names, given)
