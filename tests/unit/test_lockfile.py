"""`lmi.lock` as a file: what is written is read again, and what cannot be right is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import known_models
from lmi_deployer.findings import Place, ProfileError
from lmi_deployer.lockfile import Lock, LockedModel, WeightFiles, read, read_beside
from lmi_deployer.locking.parsing import parse
from lmi_deployer.locking.writing import text_of

COMMIT, OTHER = "a1" * 20, "b2" * 20
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096,
    "intermediate_size": 11008, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "vocab_size": 32000, "torch_dtype": "float16",
    "max_position_embeddings": 4096, "rope_scaling": {"type": "linear", "factor": 2.0},
}  # fmt: skip
ENTRY = LockedModel(
    model_id="acme/chat",
    commit=COMMIT,
    facts_from="hub",
    checked="2026-11-21",
    gated="manual",
    is_private=False,
    config=CONFIG,
    parameters={"F16": 6_000_000_000},
    weights={"safetensors": WeightFiles(bytes=12_000_000_000, files=2)},
    tokenizer={"class": "LlamaTokenizer", "files": ["tokenizer.json"], "vocab_size": 32000},
)
COPY = replace(
    ENTRY,
    source="s3://acme-models/chat/",
    commit=None,
    facts_from="s3",
    content="sha256:" + "0" * 64,
    doubts=("no safetensors files: the parameters are computed, not counted",),
)
PINNED = replace(ENTRY, requested=OTHER, commit=OTHER)


def lock_of(*models: LockedModel) -> Lock:
    return parse(text_of(models), "profiles/lmi.lock")


def test_what_is_written_is_read_again_whatever_the_order():
    written = text_of([PINNED, COPY, ENTRY])
    assert written == text_of([ENTRY, PINNED, COPY])
    assert sorted(parse(written, "x").models, key=lambda entry: entry.key) == sorted(
        [ENTRY, PINNED, COPY], key=lambda entry: entry.key
    )
    assert text_of(parse(written, "x").models) == written


def test_a_lock_is_reviewed_line_by_line():
    text = text_of([ENTRY])
    lines = text.splitlines()
    assert f'      "commit": "{COMMIT}",' in lines
    assert '        "architectures": ["LlamaForCausalLM"],' in lines
    assert text.endswith("}\n")
    assert text.isascii()
    moved = text_of([replace(ENTRY, commit=OTHER)]).splitlines()
    assert sum(before != after for before, after in zip(lines, moved, strict=True)) == 1


def test_an_open_revision_is_written_as_open():
    assert '"commit": null' in text_of([replace(ENTRY, commit=None, facts_from="catalog")])
    assert '"commit"' not in text_of([COPY])


def test_an_entry_is_found_by_what_the_profile_says():
    lock = lock_of(ENTRY, PINNED, COPY)
    assert lock.find("acme/chat") == ENTRY
    assert lock.find("acme/chat", revision=OTHER) == PINNED
    assert lock.find("acme/chat", revision=COMMIT) == ENTRY
    assert lock.find("acme/chat", source=COPY.source) == COPY
    assert lock.find("acme/chat", source="s3://acme-models/another/") == ENTRY
    assert lock.find("acme/chat", revision="c3" * 20) is None
    assert lock.find("acme/other") is None


def test_the_place_of_an_entry_is_its_line_in_the_file():
    lock = lock_of(ENTRY, replace(ENTRY, model_id="acme/second"))
    second = lock.find("acme/second")
    assert second is not None
    place = lock.place(second)
    assert lock.text.splitlines()[place.line] == '      "id": "acme/second",'


def wrong(text: str) -> str:
    with pytest.raises(ProfileError) as caught:
        parse(text, "profiles/lmi.lock")
    (finding,) = caught.value.findings
    assert finding.code == "LMI414"
    assert finding.place.file == "profiles/lmi.lock"
    return str(finding)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lmi.lock:1:1: is not valid JSON"),
        ("{", "lmi.lock:1:2: is not valid JSON"),
        ('{"a": 1,\n "a"}', "lmi.lock:2:5: is not valid JSON"),
        ("[]", "it has no list `models`"),
        ('{"lock_version": 1, "models": {}}', "it has no list `models`"),
        ('{"lock_version": 2, "models": []}', "lock_version 2"),
        ('{"lock_version": true, "models": []}', "lock_version True"),
        ('{"lock_version": NaN, "models": []}', "NaN is no number"),
        ("[" * 100_000, "is not valid JSON"),
        ("9" * 5000, "is not valid JSON"),
    ],
)
def test_what_is_no_lock_is_refused_with_its_place(text: str, said: str):
    assert said in wrong(text)


def test_the_marks_of_a_merge_conflict_are_told_with_their_line():
    text = text_of([ENTRY]).replace('      "gated"', '<<<<<<< HEAD\n      "gated"', 1)
    line = text.splitlines().index("<<<<<<< HEAD") + 1
    assert f"lmi.lock:{line}:1: holds the marks of a merge conflict" in wrong(text)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("id", "", "no text 'id'"),
        ("id", "a\x1b[2J", "no text 'id'"),
        ("commit", "main", "no commit of 40 hex digits"),
        ("commit", COMMIT.upper(), "no commit of 40 hex digits"),
        ("requested", "v1.0", "neither main nor a commit"),
        ("facts_from", "hearsay", "is none of hub"),
        ("gated", 3, 'is none of "auto", "manual", true, false, null'),
        ("private", "no", "neither true nor false"),
        ("parameters", {"F16": -1}, "is no count"),
        ("parameters", {"F16": 1e9}, "is no count"),
        ("parameters", {"F16": 10**30}, "is no count"),
        ("weights", {"zip": {"bytes": 1, "files": 1}}, "is none of safetensors"),
        ("weights", {"gguf": 1}, "is no mapping"),
        ("weights", {"gguf": {"bytes": 1}}, "is no count"),
        ("config", [], "is no mapping"),
        ("doubts", "many", "is no list of texts"),
        ("colour", "red", "unknown key 'colour'"),
    ],
)
def test_a_value_that_no_lock_can_hold_is_refused_at_its_line(key: str, value: Any, said: str):
    document = json.loads(text_of([ENTRY]))
    document["models"][0][key] = value
    text = json.dumps(document, indent=2)
    told = wrong(text)
    assert said in told
    line = int(told.split(":")[1])
    assert line > 4


def test_a_model_that_stands_there_twice_is_refused():
    document = json.loads(text_of([ENTRY]))
    document["models"] *= 2
    assert "holds a model twice" in wrong(json.dumps(document))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(key=st.sampled_from(sorted(json.loads(text_of([COPY]))["models"][0])), value=JSON)
def test_whatever_stands_in_an_entry_it_is_read_or_refused(key: str, value: Any):
    document = json.loads(text_of([COPY]))
    document["models"][0][key] = value
    text = json.dumps(document)
    try:
        lock = parse(text, "lmi.lock")
    except ProfileError:
        return
    known_models.find("acme/chat", lock, source=COPY.source)
    assert parse(text_of(lock.models), "lmi.lock").models == lock.models


@given(st.text(max_size=200))
def test_a_text_that_is_no_lock_is_refused_as_one(text: str):
    wrong(text)


def test_a_folder_without_a_lock_has_none(tmp_path: Path):
    assert read_beside(tmp_path / "chat.yaml") is None
    assert read_beside(tmp_path / "none" / "chat.yaml") is None


def test_a_lock_that_changes_is_read_anew(tmp_path: Path):
    path = tmp_path / "lmi.lock"
    path.write_text(text_of([ENTRY]))
    first = read(path)
    assert first is not None
    assert read_beside(tmp_path / "chat.yaml") is first
    path.write_text(text_of([ENTRY, PINNED]))
    again = read(path)
    assert again is not None
    assert len(again.models) == 2


def test_a_folder_that_is_called_as_a_lock_is_refused(tmp_path: Path):
    from lmi_deployer.errors import InputError

    (tmp_path / "lmi.lock").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "lmi.lock")


def test_the_lock_comes_before_the_catalog_and_the_catalog_fills_in():
    plain = known_models.find("TheBloke/Llama-2-7B-fp16")
    assert plain is not None
    assert plain.num_key_value_heads == 32
    entry = replace(ENTRY, model_id="TheBloke/Llama-2-7B-fp16", parameters={})
    locked = known_models.find("TheBloke/Llama-2-7B-fp16", lock_of(entry))
    assert locked is not None
    assert (locked.num_key_value_heads, locked.weight_bytes) == (8, 12_000_000_000)
    assert locked.is_gated is True
    other = known_models.find("TheBloke/Llama-2-7B-fp16", lock_of(ENTRY))
    assert other == plain
    assert known_models.find("acme/unheard-of", lock_of(ENTRY)) is None


def test_counted_parameters_reach_the_shape():
    counted = replace(ENTRY, parameters={"F16": 5_933_109_248})
    facts = known_models.from_lock(counted)
    assert facts.shape is not None
    assert facts.parameter_count == 5_933_109_248
    assert facts.shape.stored_bytes == 12_000_000_000


def test_facts_of_the_catalog_stay_as_they_were_locked():
    from lmi_deployer.catalog import find_model

    row = find_model("TheBloke/Llama-2-7B-fp16")
    assert row is not None
    facts = known_models.facts_in(row)
    entry = replace(
        ENTRY, model_id=row.id, facts_from="catalog", commit=None, weights={}, parameters={},
        config={**facts, "max_position_embeddings": 2048},
    )  # fmt: skip
    found = known_models.find(row.id, lock_of(entry))
    assert found is not None
    assert found.max_position_embeddings == 2048
    unreadable = replace(entry, config={"model_type": "llama"})
    found = known_models.find(row.id, lock_of(unreadable))
    assert found is not None
    assert found.max_position_embeddings == 4096


def test_a_place_without_text_is_the_file():
    assert Lock(file="lmi.lock", models=(ENTRY,)).place(ENTRY) == Place("lmi.lock")
