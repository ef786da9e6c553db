from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monitor_stream.demo.events import MODEL, VERSION, Stream
from monitor_stream.demo.model import LateModel, training
from monitor_stream.events.wire import Label, Prediction
from tests.demo import facts


@pytest.fixture(scope="module")
def predictions(stream: Stream) -> list[Prediction]:
    return list(map(msgspec.json.Decoder(Prediction).decode, stream.predictions.values))


@pytest.fixture(scope="module")
def labels(stream: Stream) -> list[Label]:
    return list(map(msgspec.json.Decoder(Label).decode, stream.labels.values))


def test_every_flight_is_predicted_and_every_arrival_labelled(
    predictions: list[Prediction], labels: list[Label]
) -> None:
    """The counts are those of the data, each id once, and each label is of a prediction."""
    ids = {prediction.prediction_id for prediction in predictions}
    labelled = {label.prediction_id for label in labels}
    assert len(predictions) == len(ids) == facts.PREDICTIONS
    assert len(labels) == len(labelled) == facts.LABELS
    assert labelled <= ids
    assert len(ids - labelled) == facts.UNLABELLED


def test_late_share_and_auc_of_each_month(
    stream: Stream, predictions: list[Prediction], labels: list[Label]
) -> None:
    """The stream has the year's shape: a bad summer, a good September, and a model that ranks at .60 to .66."""
    late = {label.prediction_id: bool(label.label) for label in labels}
    truth: dict[int, list[bool]] = {}
    score: dict[int, list[float]] = {}
    for at, prediction in zip(stream.predictions.times, predictions, strict=True):
        if prediction.prediction_id in late:
            month = stream.months[int(at) // 3600 * 3600]
            truth.setdefault(month, []).append(late[prediction.prediction_id])
            score.setdefault(month, []).append(prediction.score or 0.0)
    assert {month: round(float(np.mean(found)), 3) for month, found in truth.items()} == facts.LATE_SHARE
    for month, outcomes in truth.items():
        assert 0.595 < roc_auc_score(outcomes, score[month]) < 0.665


def test_each_topic_is_in_the_order_of_event_time(stream: Stream, labels: list[Label]) -> None:
    """Labels come when a flight lands, which is not the order of departure."""
    assert (np.diff(stream.predictions.times) >= 0).all()
    assert (np.diff(stream.labels.times) >= 0).all()
    assert [label.timestamp for label in labels] == stream.labels.times.tolist()
    place = {key: row for row, key in enumerate(stream.predictions.ids)}
    assert (np.diff([place[key] for key in stream.labels.ids]) < 0).any()


def test_events_carry_what_the_model_was_asked(stream: Stream, predictions: list[Prediction]) -> None:
    """Answer, score, input and how long it took; the key is the id."""
    first = predictions[0]
    assert (first.model, first.version, first.prediction_id) == (MODEL, VERSION, "2013-03-01-US1117-EWR")
    assert stream.predictions.ids[0] == first.prediction_id
    assert first.features == {
        "carrier": "US",
        "origin": "EWR",
        "dest": "CLT",
        "distance": 529,
        "hour": 5,
        "weekday": 4,
    }
    assert first.latency_seconds is not None
    assert first.latency_seconds > 0


def test_the_answer_is_the_score_against_the_threshold(
    predictions: list[Prediction], model: LateModel
) -> None:
    """A flight is announced late from the threshold on, which is where training announced as many as there were."""
    assert model.threshold == pytest.approx(0.3, abs=0.02)
    assert all(p.prediction == ((p.score or 0.0) >= model.threshold) for p in predictions)


def test_training_the_model_again_gives_the_same_scores(year: Any, model: LateModel) -> None:
    """The demo is the same on every run."""
    rows = year.filter(training(year)).slice(0, 500)
    assert LateModel.train(year).scores(rows).tolist() == model.scores(rows).tolist()
