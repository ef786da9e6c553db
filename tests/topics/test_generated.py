import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator

from monitor_stream import generate
from monitor_stream.events.spec import CategoricalReference, Feature, ModelSpec
from monitor_stream.events.wire import Label, Prediction
from monitor_stream.topics.asyncapi import EXAMPLES, document, render
from monitor_stream.topics.declaration import ROLES
from monitor_stream.topics.schemas import KINDS, render_all

OFFICIAL = Path(__file__).parent / "asyncapi" / "3.0.0.json.gz"


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(gzip.decompress(OFFICIAL.read_bytes())))


@pytest.mark.parametrize("place", generate.MADE)
def test_no_generated_file_is_stale(place: str) -> None:
    """What is committed is what the code makes: `make generate` was run."""
    stale = [str(path.relative_to(generate.ROOT)) for path in generate.stale()]
    assert [path for path in stale if path.startswith(place)] == []


def test_a_stale_or_orphaned_file_is_found_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed, a missing and a left-over file are named by --check and put right without it."""
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    assert len(generate.write()) == len(dict(generate.files()))
    (tmp_path / "topics/schemas/Prediction.json").write_text("{}", encoding="utf-8")
    (tmp_path / "topics/schemas/Label.json").unlink()
    (tmp_path / "topics/schemas/Old.json").write_text("{}", encoding="utf-8")
    assert [path.name for path in generate.stale()] == ["Label.json", "Old.json", "Prediction.json"]
    assert generate.main(["--check"]) == 1
    generate.write()
    assert generate.main(["--check"]) == 0


def test_the_asyncapi_document_is_valid(official: Draft7Validator) -> None:
    """It fits the official JSON Schema of AsyncAPI 3.0.0, Kafka bindings 0.5.0 included."""
    assert [
        f"{list(error.absolute_path)}: {error.message}"
        for error in official.iter_errors(yaml.safe_load(render()))
    ] == []


def test_the_official_schema_looks_into_the_kafka_bindings(official: Draft7Validator) -> None:
    """A misspelt binding is an error: the test above does not pass because nothing is checked."""
    wrong = document()
    wrong["channels"]["labels"]["bindings"]["kafka"]["partitons"] = 4
    assert list(official.iter_errors(wrong))


def test_every_topic_is_described() -> None:
    """Each topic has a channel, a message and at least one operation."""
    made = document()
    assert set(made["channels"]) == set(ROLES)
    messages = [name for channel in made["channels"].values() for name in channel["messages"]]
    assert sorted(messages) == sorted(made["components"]["messages"]) == sorted([*ROLES, "comparisons"])
    assert {
        operation["channel"]["$ref"].rpartition("/")[2] for operation in made["operations"].values()
    } == set(ROLES)


def test_every_reference_leads_somewhere() -> None:
    """No $ref of the document is broken."""
    made = document()

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            if isinstance(reference := part.get("$ref"), str):
                target: Any = made
                for step in reference.removeprefix("#/").split("/"):
                    target = target[step]
            for value in part.values():
                follow(value)
        elif isinstance(part, list):
            for value in part:
                follow(value)

    follow(made)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_schemas_are_valid_and_explained(kind: type[msgspec.Struct]) -> None:
    """Each schema is a JSON Schema, is named and described, and speaks no reStructuredText."""
    schema = json.loads(render_all()[f"{kind.__name__}.json"])
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == kind.__name__
    assert schema["description"]
    assert "``" not in json.dumps(schema)


@pytest.mark.parametrize(
    "event",
    [
        *EXAMPLES.values(),
        ModelSpec(
            model="m",
            task="binary",
            features=[
                Feature(
                    name="carrier",
                    kind="categorical",
                    reference=CategoricalReference(n=3, missing=0.0, shares={"UA": 1.0}),
                )
            ],
        ),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_we_send_fits_its_schema(event: msgspec.Struct) -> None:
    """An event as it is encoded is valid by the schema of its type."""
    schema = json.loads(render_all()[f"{type(event).__name__}.json"])
    Draft202012Validator(schema).validate(json.loads(msgspec.json.encode(event)))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Prediction, {"prediction": 1}),
        (Prediction, {"model": "m", "score": 1.5}),
        (Label, {"model": "m", "prediction_id": "", "label": 1}),
        (Label, {"model": "m", "prediction_id": "1"}),
    ],
)
def test_schema_and_decoder_refuse_the_same(kind: type[msgspec.Struct], wrong: dict[str, Any]) -> None:
    """What the decoder refuses the schema refuses too."""
    schema = json.loads(render_all()[f"{kind.__name__}.json"])
    assert list(Draft202012Validator(schema).iter_errors(wrong))
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(wrong), type=kind)


def test_fields_carry_their_docstring() -> None:
    """The words of a docstring's section Parameters stand in the schema."""
    schema = json.loads(render_all()["Prediction.json"])
    assert schema["properties"]["version"]["description"] == "Which model answered; the version is free text."
    assert json.loads(render_all()["Window.json"])["properties"]["start"]["format"] == "date-time"
