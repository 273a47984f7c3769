"""Snapshots in a saved plan: read back as they were, and nothing else is read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import api
from lmi_deployer.checks import check
from lmi_deployer.diffing.hiding import hidden
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.diffing.snapshot_file import as_json, from_json
from lmi_deployer.diffing.taking import take
from lmi_deployer.resources import data_folder
from tests.specs import make_spec
from tests.unit.diffing.generated_snapshots import SNAPSHOTS

SHIPPED = sorted(data_folder("profiles").glob("*.yaml"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
SECRET = "hf_" + "a" * 30


def shipped() -> Iterator[Snapshot]:
    for path in SHIPPED:
        loaded = api.read_profile(path)
        for name in loaded.hardware_names:
            checked = api.check(loaded, name)
            yield take(
                checked, region="us-east-1", profile=path.stem, hardware=name, file=str(path)
            )


@cache
def a_text() -> str:
    trtllm = ("backend=trtllm", "instance_type=ml.g5.12xlarge")
    spec = make_spec(*trtllm, "compile.mode=aot", "endpoint.tags.team=a", "endpoint.instances=2")
    checked = api.Checked(title=spec.title, spec=spec, findings=check(spec))
    taken = take(checked, region="us-east-1", profile="chat", hardware="g5", file="chat.yaml")
    assert taken.findings
    return json.dumps(as_json(taken))


def a_document() -> dict[str, Any]:
    """Of a snapshot with something in every field."""
    document: dict[str, Any] = json.loads(a_text())
    return document


@given(SNAPSHOTS)
def test_a_snapshot_is_read_back_as_it_was(snapshot: Snapshot) -> None:
    document = json.loads(json.dumps(as_json(snapshot)))
    assert from_json(document) == hidden(snapshot)
    assert as_json(from_json(document)) == document


def test_what_holds_no_secret_is_read_back_exactly() -> None:
    for snapshot in shipped():
        assert from_json(json.loads(json.dumps(as_json(snapshot)))) == snapshot


@given(SNAPSHOTS)
def test_the_text_hangs_on_the_content_alone(snapshot: Snapshot) -> None:
    turned = replace(snapshot, values=dict(reversed(list(snapshot.values.items()))))
    assert json.dumps(as_json(turned)) == json.dumps(as_json(snapshot))


def test_no_secret_is_written() -> None:
    snapshot = replace(next(shipped()), file=SECRET)
    assert snapshot.deployed is not None
    lines = {"option.hf_token": "abc", "option.foo": SECRET}
    snapshot = replace(snapshot, deployed=replace(snapshot.deployed, properties=lines))
    text = json.dumps(as_json(snapshot))
    assert SECRET not in text
    assert '"abc"' not in text


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where each value of a document stands."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(item, (*path, key))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        document = document[part]
    return document


def test_anything_else_in_the_place_of_a_value_is_refused() -> None:
    wrong: dict[str, Any] = {"a": {"b": [{}]}}
    for path in list(paths(a_document()))[1:]:
        document = a_document()
        at(document, path[:-1])[path[-1]] = wrong
        with pytest.raises(ValueError, match=r"."):
            from_json(document)


def test_a_field_that_nobody_knows_is_refused() -> None:
    for path in paths(a_document()):
        document = a_document()
        place = at(document, path)
        if isinstance(place, dict):
            place["evil"] = {"a": [{}]}
            with pytest.raises(ValueError, match=r"."):
                from_json(document)


BY_NAME = ("values", "properties", "model", "endpoint_config", "tags")
"""Objects whose keys are names, of which there may be fewer."""


def test_a_field_that_is_missing_is_refused() -> None:
    for path in list(paths(a_document()))[1:]:
        document = a_document()
        place = at(document, path[:-1])
        if isinstance(place, dict) and path[-2:-1] not in {(name,) for name in BY_NAME}:
            del place[path[-1]]
            with pytest.raises(ValueError, match=r"."):
                from_json(document)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "1", True])
@pytest.mark.parametrize("path", [("cost", "usd_per_hour"), ("memory", "headroom_gib")])
def test_what_is_no_number_is_refused(path: tuple[str, str], number: object) -> None:
    document = a_document()
    document[path[0]][path[1]] = number
    with pytest.raises(ValueError, match=r"."):
        from_json(document)


@pytest.mark.parametrize("version", [None, 0, 2, "1", True, 1.0])
def test_a_document_of_another_version_is_refused(version: object) -> None:
    with pytest.raises(ValueError, match="version"):
        from_json({**a_document(), "snapshot_version": version})


@given(JSON, st.sampled_from(["values", "deployed", "findings", "memory", "profile"]))
def test_no_document_does_anything_but_be_refused(document: Any, key: str) -> None:
    for hostile in (document, {**a_document(), key: document}):
        try:
            from_json(hostile)
        except ValueError:
            continue
        assert as_json(from_json(hostile)) == hostile
