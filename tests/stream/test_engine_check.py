"""A worker does not start on an engine it was not made for, and says which name is missing."""

import pytest
from faust.tables.recovery import Recovery

from monitor_stream.errors import EngineError
from monitor_stream.stream import engine_check
from monitor_stream.stream.engine_check import MEMBERS, NAMES, check_engine


def test_the_installed_engine_is_the_one() -> None:
    """All versions and names are as expected in the environment this package is installed in."""
    check_engine()


@pytest.mark.parametrize(
    ("owner", "name"), [(owner, name) for owner, names in MEMBERS.items() for name in names]
)
def test_a_missing_member_is_named(owner: type, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each method and property we rely on is looked for."""
    for base in owner.__mro__:
        if name in vars(base):
            monkeypatch.delattr(base, name)
    with pytest.raises(EngineError, match=f"{owner.__qualname__} has no {name}"):
        check_engine()


def test_a_changed_course_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Faust that resumes its streams without asking us to seek would lose records: it is refused."""

    async def resume(self: Recovery, generation_id: int = 0) -> None:
        """Another course."""

    doctored = [
        (resume if function is Recovery._resume_streams else function, names) for function, names in NAMES
    ]
    monkeypatch.setattr(engine_check, "NAMES", doctored)
    with pytest.raises(EngineError, match="does not use perform_seek"):
        check_engine()


def test_another_version_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version nobody has read is refused, with the ones that are known."""
    monkeypatch.setattr(engine_check, "version", lambda _: "0.16.0")
    with pytest.raises(EngineError, match=r"faust-streaming is 0\.16\.0, known are 0\.15\.3.*pip install"):
        check_engine()


def test_the_check_covers_the_names_the_transport_uses() -> None:
    """What the transport overrides exists in the class it overrides: a renamed hook would never be called."""
    from monitor_stream.stream.transport import App, BatchConsumer, BatchThread, BatchTransport

    ours = {
        "fetch",
        "_fetch",
        "_take",
        "bounds",
        "_bounds",
        "advise",
        "_advise",
        "_stamp",
        "_to_event",
        "retake",
    }
    ours |= {"count_partitions", "partitions", "seek_all", "assigned", "reader"}
    for cls in (App, BatchConsumer, BatchThread, BatchTransport):
        checked = {name for owner, names in MEMBERS.items() if issubclass(cls, owner) for name in names}
        overridden = {
            name for name, value in vars(cls).items() if callable(value) and not name.startswith("__")
        }
        assert overridden - ours <= checked, cls
