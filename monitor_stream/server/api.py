"""The API. Its types are those that travel on Kafka."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import unquote

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter

from monitor_stream.events.results import Incident, ModelResults, Severity, VersionResults, Window
from monitor_stream.incidents.find import all_incidents, find_incident
from monitor_stream.server.fleet import Fleet, survey
from monitor_stream.server.reader import Reader
from monitor_stream.server.verdicts import Verdicts, verdicts

Results = NamedDependency[Reader]
Model = Annotated[str, PathParameter(description="The model's name, percent-encoded: a slash is %2F.")]
Version = Annotated[str | None, QueryParameter(description="Without it, the one with the newest prediction.")]
Identity = Annotated[
    str, PathParameter(description="The incident's id, or as much of it as no other begins with.")
]
State = Literal["pending", "open", "resolved"]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="At most so many.")]


@get("/models", summary="The fleet")
async def list_models(results: Results) -> Fleet:
    """A row for each model version, the most urgent first."""
    return survey(await results.read())


@get("/models/{model:str}", summary="A model")
async def get_model(results: Results, model: Model) -> ModelResults:
    """All that is known of a model and its versions: windows, drift, estimates and whether labels contradict them, fairness,
    calibration, segment losses, outliers, comparisons, incidents.
    """
    return await _find_model(results, model)


@get("/models/{model:str}/windows", summary="Windows")
async def list_windows(
    results: Results, model: Model, version: Version = None, limit: Limit = 100
) -> list[Window]:
    """The newest windows of a version, oldest first."""
    return _find_version(await _find_model(results, model), version).windows[-limit:]


@get("/models/{model:str}/days", summary="Days")
async def list_days(
    results: Results, model: Model, version: Version = None, limit: Limit = 100
) -> list[Window]:
    """The newest days of a version, in UTC, oldest first."""
    return _find_version(await _find_model(results, model), version).days[-limit:]


@get("/models/{model:str}/verdicts", summary="Verdicts")
async def get_verdicts(results: Results, model: Model, version: Version = None) -> Verdicts:
    """For whom, before labels, which version: fairness, segments by the loss they carry, calibration, whether labels contradict
    the estimates, comparisons, examples of outliers.
    """
    document = await _find_model(results, model)
    return verdicts(document, _find_version(document, version))


@get("/incidents", summary="Incidents")
async def list_incidents(
    results: Results,
    model: Annotated[str | None, QueryParameter(description="Of this model alone.")] = None,
    in_state: Annotated[
        State | None, QueryParameter(name="state", description="In this state alone.")
    ] = None,
    severity: Annotated[Severity | None, QueryParameter(description="Of this severity alone.")] = None,
    limit: Limit = 100,
) -> list[Incident]:
    """Incidents of all models: open ones first, then what waits for a second look, then the newest resolved."""
    return [
        incident
        for incident in all_incidents(await results.read())
        if model in {None, incident.model}
        and in_state in {None, incident.state}
        and severity in {None, incident.severity}
    ][:limit]


@get("/incidents/{identity:str}", summary="An incident")
async def get_incident(results: Results, identity: Identity) -> Incident:
    """An incident with its evidence, and its `why`: suspects, segments, what else changed, rows from before and after."""
    return find_incident(all_incidents(await results.read()), identity)


async def _find_model(results: Reader, encoded: str) -> ModelResults:
    name = unquote(encoded)
    document = (await results.read()).models.get(name)
    if document is None:
        raise NotFoundException(f"No model named {name!r} has sent an event.")
    return document


def _find_version(model: ModelResults, version: str | None) -> VersionResults:
    if version is None:
        return max(model.versions.values(), key=lambda each: each.newest_prediction or 0.0)
    if version not in model.versions:
        raise NotFoundException(f"Model {model.model!r} has no version {version!r}.")
    return model.versions[version]


api = Router(
    "/api",
    route_handlers=[
        list_models,
        get_model,
        list_windows,
        list_days,
        get_verdicts,
        list_incidents,
        get_incident,
    ],
    tags=["Results"],
)
