"""The fewest changes of shared sections that give every hardware profile what it wants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer.hardware import load_profile
from lmi_deployer.migrating.layers import ABSENT, ANY, Edit, Layers
from lmi_deployer.profile_text import RemoveKey, SetValue, edit

HEAD = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-13B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
"""
KEY = ("max_rolling_batch_size",)


def layers(text: str) -> Layers:
    return Layers(load_profile(HEAD + text, "chat.yaml"))


def file(defaults: int | None, **own: tuple[str | None, int | None]) -> str:
    """A file; `own` is of each hardware profile (what it extends, its batch)."""
    lines = [] if defaults is None else [f"defaults: {{max_rolling_batch_size: {defaults}}}"]
    lines.append("profiles:")
    for name, (parent, batch) in own.items():
        lines += [f"  {name}:", "    instance_type: ml.g5.12xlarge"]
        lines += [] if parent is None else [f"    extends: {parent}"]
        lines += [] if batch is None else [f"    max_rolling_batch_size: {batch}"]
    return "\n".join([*lines, ""])


def test_what_all_inherit_is_changed_where_it_is_written():
    sections = layers(file(8, a=(None, None), b=(None, None)))
    assert sections.edits(KEY, {"a": 4, "b": 4}) == [Edit(("defaults",), "set", 4)]


def test_what_only_one_wants_is_written_into_it():
    sections = layers(file(8, a=(None, None), b=(None, None)))
    assert sections.edits(KEY, {"a": 4, "b": 8}) == [Edit(("profiles", "a"), "add", 4)]


def test_what_one_must_not_inherit_moves_to_those_that_need_it():
    sections = layers(file(8, a=(None, None), b=(None, None)))
    edits = sections.edits(KEY, {"a": ABSENT, "b": 8})
    assert set(edits) == {Edit(("defaults",), "remove"), Edit(("profiles", "b"), "add", 8)}


def test_what_nothing_reads_may_be_inherited_but_not_written():
    sections = layers(file(8, a=(None, 4), b=(None, None)))
    assert sections.edits(KEY, {"a": ANY, "b": 8}) == [Edit(("profiles", "a"), "remove")]


def test_shared_sections_are_spared_when_only_some_move():
    sections = layers(file(8, a=(None, None), b=("a", None)))
    edits = sections.edits(KEY, {"a": 4, "b": 4}, spares_shared=True)
    assert edits == [Edit(("profiles", "a"), "add", 4)]


def test_a_key_may_be_added_where_its_old_name_was():
    sections = layers(file(None, a=(None, None), b=(None, None)))
    edits = sections.edits(KEY, {"a": 4, "b": 4}, homes=[("defaults",)])
    assert edits == [Edit(("defaults",), "add", 4)]


@pytest.mark.parametrize("empty", ["vllm:", "vllm: null", "vllm: ~"])
def test_an_empty_section_hides_what_is_inherited(empty: str):
    text = f"""\
defaults: {{vllm: {{max_model_len: 4096}}}}
profiles:
  a: {{instance_type: ml.g5.12xlarge}}
  b:
    instance_type: ml.g5.12xlarge
    {empty}
"""
    sections = layers(text)
    path = ("vllm", "max_model_len")
    assert sections.effective("a")[path] == 4096
    assert path not in sections.effective("b")
    assert sections.edits(path, {"a": 2048, "b": ABSENT}) == [Edit(("defaults",), "set", 2048)]


def test_what_a_parent_must_have_and_a_child_must_not_is_hidden_in_the_child():
    sections = layers(file(None, a=(None, None), b=("a", None)))
    edits = sections.edits(KEY, {"a": 4, "b": ABSENT})
    assert set(edits) == {Edit(("profiles", "a"), "add", 4), Edit(("profiles", "b"), "add", None)}


def test_a_raw_option_that_cannot_be_hidden_is_not_changed_at_all():
    sections = layers(file(None, a=(None, None), b=("a", None)))
    assert sections.edits(("options", "x"), {"a": 4, "b": ABSENT}) == []


def test_a_long_line_of_profiles_that_extend_each_other_is_searched_through():
    names = [f"p{number}" for number in range(60)]
    own = {name: (above, 8) for name, above in zip(names, [None, *names], strict=False)}
    found = layers(file(8, **own)).edits(KEY, dict.fromkeys(names, 4))
    assert found == [Edit(("profiles", name), "set", 4) for name in names]


BATCH = st.none() | st.integers(1, 3)
WISH = st.integers(1, 3) | st.just(ABSENT)


@given(
    defaults=BATCH,
    own=st.tuples(BATCH, BATCH, BATCH, BATCH),
    wishes=st.tuples(WISH, WISH, WISH, WISH),
    spares_shared=st.booleans(),
)
def test_after_the_changes_everybody_has_what_it_wants(
    defaults: int | None,
    own: tuple[int | None, ...],
    wishes: tuple[Any, ...],
    spares_shared: bool,
):
    parents = {"a": None, "b": "a", "c": "b", "d": None}
    text = HEAD + file(
        defaults, **{name: (parents[name], batch) for name, batch in zip(parents, own, strict=True)}
    )
    wanted = dict(zip(parents, wishes, strict=True))
    edits = Layers(load_profile(text, "chat.yaml")).edits(KEY, wanted, spares_shared=spares_shared)
    changes = [
        RemoveKey((*item.layer, *KEY))
        if item.action == "remove"
        else SetValue((*item.layer, *KEY), item.value)
        for item in edits
    ]
    after = Layers(load_profile(edit(text, changes), "chat.yaml"))
    assert {name: after.effective(name).get(KEY, ABSENT) for name in parents} == wanted


@given(own=st.tuples(BATCH, BATCH), defaults=BATCH)
def test_nothing_is_changed_when_nothing_is_wanted(
    own: tuple[int | None, int | None], defaults: int | None
):
    sections = layers(file(defaults, a=(None, own[0]), b=("a", own[1])))
    has = {name: sections.effective(name).get(KEY, ABSENT) for name in ("a", "b")}
    assert sections.edits(KEY, has) == []
