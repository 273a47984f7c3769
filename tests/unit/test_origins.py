"""Where values come from, and the lines of the lock among them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import lockfile
from lmi_deployer.decided import DecidedValue, decided_values
from lmi_deployer.findings import Place
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.lockfile import Lock
from lmi_deployer.locking.parsing import parse, place_in
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import data_folder
from tests.specs import PROFILE
from tests.unit.hand_made_locks import COMMIT, COPY, ENTRY, a_lock


def decided(lock: Lock | None, *overrides: str) -> dict[str, DecidedValue]:
    loaded = replace(load_profile(PROFILE, "profiles/chat.yaml"), lock=lock)
    spec = resolve(merge(loaded, "g5", overrides))
    return {item.key: item for item in decided_values(spec, lock)}


def test_what_the_lock_says_of_open_weights_has_its_line() -> None:
    lock = a_lock(COPY, ENTRY)
    values, place = decided(lock), lock.place(lock.models[1])
    assert place.line > 30
    assert values["model.revision"].value == COMMIT
    assert values["model.revision"].origin.place == place
    assert values["model.weights_gib"].origin.place == place
    assert "model.commit" not in values


def test_a_commit_that_no_start_loads_is_told_as_that_of_the_facts() -> None:
    values = decided(a_lock(ENTRY), "backend=vllm")
    assert "model.revision" not in values
    assert values["model.commit"].value == COMMIT
    assert str(values["model.commit"].origin) == (
        "lock: main as of 2026-11-21 (profiles/lmi.lock:4:5)"
    )


def test_a_copy_is_told_by_its_content() -> None:
    values = decided(a_lock(ENTRY, COPY), "model.source=s3://acme/llama/")
    assert values["model.content"].value == "f00d"
    assert "model.commit" not in values


def test_facts_of_what_a_copy_was_made_of_are_not_those_of_the_copy() -> None:
    lock = a_lock(ENTRY)
    values = decided(lock, "model.source=s3://acme/llama/")
    assert not {"model.content", "model.commit"} & values.keys()
    assert values["model.shape"].origin.place == lock.place(lock.models[0])


def test_what_is_known_of_a_model_is_told_with_who_knows_it() -> None:
    lock = a_lock(ENTRY)
    locked, known = decided(lock)["model.shape"], decided(None)["model.shape"]
    assert locked.value == (
        "22 layers, 32 heads, 4 KV heads, head dimension 64, 1.1e9 parameters, 2048 positions"
    )
    assert locked.origin.reason == "lock: main as of 2026-11-21"
    assert locked.origin.place == lock.place(lock.models[0])
    assert str(known.value).startswith("32 layers, 32 heads, 32 KV heads, ")
    assert known.origin.reason == "catalog: TheBloke/Llama-2-7B-fp16"


@pytest.mark.parametrize("key", ["model.weights_gib", "model.revision"])
def test_what_a_profile_writes_is_not_the_locks(key: str) -> None:
    written = f"model.revision={COMMIT}" if key == "model.revision" else "model.weights_gib=13.5"
    origin = decided(a_lock(ENTRY), written)[key].origin
    assert origin.place.file == "--set"


def test_every_entry_of_the_shipped_lock_is_found_where_it_stands() -> None:
    lock = lockfile.read(data_folder("profiles") / "lmi.lock")
    assert lock is not None
    assert [lock.place(entry) for entry in lock.models] == [
        place_in(lock.text, lock.file, ("models", row)) for row in range(len(lock.models))
    ]


@given(
    indent=st.sampled_from([None, 0, 2, 4, "\t"]),
    names=st.lists(st.text('ab{}[]\\"\n', max_size=6), unique=True, max_size=4),
    is_last=st.booleans(),
)
def test_entries_are_found_however_a_lock_is_written(
    indent: int | str | None, names: list[str], is_last: bool
) -> None:
    rows = [{**ENTRY, "id": f"x{json.dumps(name)}"} for name in names]
    models, rest = {"models": rows}, {"about": {"models": ["]"]}, "lock_version": 1}
    text = json.dumps({**rest, **models} if is_last else {**models, **rest}, indent=indent)
    lock = parse(text, "lmi.lock")
    if indent != "\t":  # YAML, by which the other reader goes, has no tabs
        assert [lock.place(entry) for entry in lock.models] == [
            place_in(text, "lmi.lock", ("models", row)) for row in range(len(rows))
        ]


def test_a_lock_without_a_text_is_known_by_its_file() -> None:
    lock = Lock(file="lmi.lock", models=a_lock(ENTRY).models)
    assert lock.place(lock.models[0]) == Place("lmi.lock")


def test_a_list_of_models_that_comes_twice_is_no_trap() -> None:
    row = json.dumps(ENTRY)
    text = f'{{"models": [1, {{}}], "lock_version": 1, "models": [{row}]}}'
    lock = parse(text, "lmi.lock")
    assert lock.place(lock.models[0]).file == "lmi.lock"
