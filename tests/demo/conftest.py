from typing import Any

import pytest

from monitor_stream.demo import events, flights
from monitor_stream.demo.model import LateModel
from monitor_stream.events.spec import ModelSpec


@pytest.fixture(scope="package")
def year() -> Any:
    return flights.load()


@pytest.fixture(scope="package")
def model(year: Any) -> LateModel:
    return LateModel.train(year)


@pytest.fixture(scope="package")
def stream(year: Any, model: LateModel) -> events.Stream:
    spec = ModelSpec(model=events.MODEL, version=events.VERSION, task="binary")
    return events.stream(year, model, spec)
