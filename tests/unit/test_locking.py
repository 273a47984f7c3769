"""What `lock` decides: which models it asks for, what it keeps, and what it says has moved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lmi_deployer import known_models
from lmi_deployer.findings import Finding, Place
from lmi_deployer.hardware import load_profile
from lmi_deployer.lockfile import Lock, LockedModel, WeightFiles
from lmi_deployer.locking.checkpoint import CheckpointError
from lmi_deployer.locking.checks import checks_of_lock, contradictions, staleness
from lmi_deployer.locking.config_part import parsed, relevant_part
from lmi_deployer.locking.parsing import parse
from lmi_deployer.locking.report import outcome_text
from lmi_deployer.locking.updating import Outcome, can_move, is_open, update
from lmi_deployer.locking.wanted import Wanted, wanted_by
from lmi_deployer.locking.writing import text_of
from lmi_deployer.paint import plain
from tests.specs import PROFILE

A, B = "a1" * 20, "b2" * 20
ID = "acme/chat"
CONFIG: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4,
    "num_hidden_layers": 2, "vocab_size": 1000, "max_position_embeddings": 2048,
}  # fmt: skip
ENTRY = LockedModel(
    model_id=ID,
    commit=A,
    facts_from="hub",
    checked="2026-01-01",
    config=CONFIG,
    parameters={"F16": 209_600},
    weights={"safetensors": WeightFiles(bytes=500_000, files=1)},
)


def wanted(model_id: str = ID, *, source: str | None = None, requested: str = "main") -> Wanted:
    place = Place("profiles/chat.yaml", 4, 12)
    return Wanted(model_id=model_id, source=source, requested=requested, place=place)


def lock_of(*models: LockedModel) -> Lock:
    return parse(text_of(models), "profiles/lmi.lock")


class Answers:
    """What the places of models answer, and which were asked."""

    def __init__(self, *models: LockedModel) -> None:
        self._models = {entry.key: entry for entry in models}
        self.asked: list[str] = []
        self.failing: dict[str, Exception] = {}

    def __call__(self, item: Wanted) -> LockedModel:
        self.asked.append(item.model_id)
        if item.model_id in self.failing:
            raise self.failing[item.model_id]
        return self._models[item.key]


def run(
    items: list[Wanted],
    lock: Lock | None,
    answers: Callable[[Wanted], LockedModel],
    *,
    again: Callable[[LockedModel], bool] = is_open,
    whole: bool = True,
) -> Outcome:
    return update(
        {item.key: item for item in items},
        lock,
        ask=answers,
        is_asked_again=again,
        is_whole_folder=whole,
    )


def kinds(outcome: Outcome) -> dict[str, str]:
    return {change.title: change.kind for change in outcome.changes}


def test_models_that_profiles_name_are_found_through_inheritance_and_once():
    text = PROFILE + (
        f"  pinned: {{extends: g5, model: {{revision: {A}}}}}\n"
        "  copy: {extends: g5, model: {source: 's3://acme-models/chat/'}}\n"
        "  again: {extends: g5}\n"
        "  other: {extends: g5, model: {id: acme/other}}\n"
    )
    found = wanted_by([load_profile(text, "chat.yaml"), load_profile(PROFILE, "again.yaml")])
    name = "TheBloke/Llama-2-7B-fp16"
    assert [item.key for item in found.values()] == [
        (name, "", "main"), (name, "", A), (name, "s3://acme-models/chat/", "main"),
        ("acme/other", "", "main"),
    ]  # fmt: skip
    pinned = found[name, "", A]
    assert (pinned.written_as, pinned.place.line) == ("model.revision", 11)


def test_what_is_locked_is_kept_without_asking():
    answers = Answers()
    outcome = run([wanted()], lock_of(ENTRY), answers)
    assert (kinds(outcome), answers.asked) == ({ID: "kept"}, [])
    assert outcome.applied_to([ENTRY]) == (ENTRY,)


def test_what_is_missing_is_asked_for_and_added():
    other = replace(ENTRY, model_id="acme/other")
    outcome = run([wanted(), wanted("acme/other")], lock_of(ENTRY), Answers(other))
    assert kinds(outcome) == {ID: "kept", "acme/other": "added"}
    assert {entry.model_id for entry in outcome.applied_to([ENTRY])} == {ID, "acme/other"}


def test_what_no_profile_names_is_removed_only_when_all_profiles_were_read():
    unused = replace(ENTRY, model_id="acme/unused")
    lock = lock_of(ENTRY, unused)
    assert kinds(run([wanted()], lock, Answers()))["acme/unused"] == "removed"
    outcome = run([wanted()], lock, Answers(), whole=False)
    assert outcome.applied_to(lock.models) == lock.models


def test_facts_of_the_catalog_give_way_to_those_of_the_hub():
    name = "TheBloke/Llama-2-7B-fp16"
    open_entry = wanted(name).from_catalog()
    assert open_entry is not None
    found = replace(ENTRY, model_id=name)
    assert kinds(run([wanted(name)], lock_of(open_entry), Answers(found))) == {name: "moved"}


def test_an_upgrade_asks_for_what_can_move_and_tells_fact_by_fact():
    newer = replace(
        ENTRY, commit=B, checked="2026-11-21", config={**CONFIG, "max_position_embeddings": 4096}
    )
    pinned = replace(ENTRY, requested=A)
    local = replace(ENTRY, model_id="acme/local", facts_from="folder", commit=None, content="x")
    answers = Answers(newer)
    items = [wanted(), wanted(requested=A), wanted("acme/local")]
    outcome = run(items, lock_of(ENTRY, pinned, local), answers, again=can_move)
    assert answers.asked == [ID]
    (moved,) = (change for change in outcome.changes if change.kind == "moved")
    assert list(moved.moved()) == [
        ("commit", A, B), ("config.max_position_embeddings", 2048, 4096),
    ]  # fmt: skip


def test_facts_that_are_as_they_were_keep_their_day():
    outcome = run(
        [wanted()], lock_of(ENTRY), Answers(replace(ENTRY, checked="2026-11-21")), again=can_move
    )
    assert outcome.applied_to([ENTRY]) == (ENTRY,)


def test_pinning_what_was_locked_asks_nobody():
    outcome = run([wanted(requested=A)], lock_of(ENTRY), Answers())
    assert outcome.applied_to([ENTRY]) == (replace(ENTRY, requested=A),)


def test_a_model_that_cannot_be_had_keeps_its_entry_and_the_others_are_asked():
    other = replace(ENTRY, model_id="acme/other")
    answers = Answers(other)
    answers.failing[ID] = CheckpointError("acme/chat is gated", fix="sign in")
    outcome = run([wanted(), wanted("acme/other")], lock_of(ENTRY), answers, again=can_move)
    assert kinds(outcome) == {ID: "kept", "acme/other": "added"}
    (finding,) = outcome.findings
    assert str(finding) == (
        "error[LMI412] profiles/chat.yaml:4:12: model.id: acme/chat is gated\n  fix: sign in"
    )


def test_when_the_way_fails_the_rest_of_the_way_is_not_tried():
    from lmi_deployer.errors import LmiDeployError

    copy = replace(ENTRY, model_id="acme/copy", source="s3://acme-models/chat/", facts_from="s3")
    answers = Answers(copy)
    answers.failing[ID] = LmiDeployError("no answer")
    items = [wanted(), wanted("acme/next"), wanted("acme/copy", source=copy.source)]
    outcome = run(items, None, answers)
    assert answers.asked == [ID, "acme/copy"]
    assert [item.model_id for item in outcome.not_asked] == ["acme/next"]
    assert outcome.findings == ()
    assert "1 added, 1 failed, 1 not asked" in outcome_text("l", outcome, plain, is_written=True)


def test_what_somebody_else_locked_meanwhile_stays():
    outcome = run([wanted()], None, Answers(ENTRY))
    other = replace(ENTRY, model_id="acme/other")
    assert {entry.model_id for entry in outcome.applied_to([other])} == {ID, "acme/other"}


def test_a_model_that_contradicts_its_weights_is_told_when_it_is_locked():
    outcome = run([wanted()], None, Answers(replace(ENTRY, parameters={"F16": 900_000})))
    (finding,) = outcome.findings
    assert (finding.code, finding.severity, finding.place.line) == ("LMI413", "warning", 4)
    assert list(contradictions(ENTRY, wanted())) == []


def told(
    lock: Lock | None, model_id: str = ID, revision: str | None = None, source: str | None = None
) -> list[Finding]:
    found = checks_of_lock(
        lock,
        model_id=model_id,
        revision=revision,
        source=source,
        place=lambda key: Place(f"chat.yaml#{key}"),
    )
    return list(found)


def test_a_profile_that_its_lock_holds_gives_no_finding():
    assert told(None) == []
    assert told(lock_of(ENTRY)) == []
    assert told(lock_of(ENTRY), revision=A) == []


def test_a_revision_that_the_lock_does_not_hold_is_an_error():
    (finding,) = told(lock_of(ENTRY), revision=B)
    assert (finding.severity, finding.key) == ("error", "model.revision")
    assert f"is {B[:12]}, but profiles/lmi.lock holds facts of {A[:12]}" in finding.problem


def test_a_model_that_the_lock_does_not_hold_is_a_warning():
    (finding,) = told(lock_of(ENTRY), "acme/other")
    assert (finding.severity, finding.key) == ("warning", "model.id")
    assert "lmi-deploy lock" in str(finding.fix)
    (finding,) = told(lock_of(replace(ENTRY, requested=A)))
    assert "with this revision or copy" in finding.problem


def test_a_copy_that_was_not_looked_at_is_a_note():
    (finding,) = told(lock_of(ENTRY), source="s3://acme-models/chat/")
    assert finding.severity == "note"


def stale(lock: Lock, *items: Wanted, whole: bool = True) -> list[str]:
    found = staleness(lock, {item.key: item for item in items}, is_whole_folder=whole)
    return [f"{item.place}: {item.problem}" for item in found]


def test_a_lock_is_stale_by_what_is_missing_and_by_what_is_too_much():
    lock = lock_of(ENTRY)
    assert stale(lock, wanted()) == []
    assert stale(lock, wanted(requested=A)) == []
    assert stale(lock, wanted(requested=B)) == [
        f"profiles/chat.yaml:4:12: {ID} at {B[:12]} is not in profiles/lmi.lock, which holds {ID}",
        f"profiles/lmi.lock:5:5: no profile names {ID} any more",
    ]
    assert len(stale(lock, wanted(), wanted("acme/other"))) == 1
    assert stale(lock, whole=False) == []


def test_a_lock_is_stale_when_the_catalog_knows_better():
    item = wanted("TheBloke/Llama-2-7B-fp16")
    entry = item.from_catalog()
    assert entry is not None
    assert stale(lock_of(entry), item) == []
    moved = replace(entry, config={**entry.config, "vocab_size": 1})
    (problem,) = stale(lock_of(moved), item)
    assert "the catalog knows better" in problem
    gone = replace(entry, model_id="acme/gone")
    (problem,) = stale(lock_of(gone), wanted("acme/gone"))
    assert "the catalog no longer holds" in problem


def test_the_kept_part_of_a_config_gives_the_facts_of_the_whole():
    whole = {
        **CONFIG, "bos_token_id": 1, "initializer_range": 0.02, "id2label": {"0": "A"},
        "transformers_version": "4.31.0", "torch_dtype": "bfloat16", "tie_word_embeddings": True,
        "attention_dropout": 0.0, "rope_scaling": {"type": "dynamic", "factor": 4.0},
        "text_config": {"num_key_value_heads": 2, "pad_token_id": 0}, "use_cache": True,
    }  # fmt: skip
    kept = relevant_part(whole)
    assert set(kept) == {*CONFIG, "torch_dtype", "tie_word_embeddings", "rope_scaling",
                         "text_config"}  # fmt: skip
    assert kept["text_config"] == {"num_key_value_heads": 2}
    assert known_models.from_lock(replace(ENTRY, config=kept)) == known_models.from_lock(
        replace(ENTRY, config=whole)
    )


class Noting(dict[str, Any]):
    """A configuration that notes which keys are asked for."""

    def __init__(self, held: dict[str, Any], asked: set[str]) -> None:
        super().__init__(held)
        self._asked = asked

    def get(self, key: str, default: Any = None) -> Any:
        self._asked.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self._asked.add(str(key))
        return super().__contains__(key)


@pytest.mark.parametrize(
    "model_type",
    ["llama", "mixtral", "falcon", "gpt2", "gptj", "gpt_neox", "bloom", "opt", "mpt", "baichuan",
     "qwen2_moe", "phi", "gemma2", "gemma3", "gpt_bigcode", "starcoder2", "deepseek_v3", "t5",
     "chatglm", "dbrx", "gpt_oss", "unheard_of"],
)  # fmt: skip
def test_no_key_that_facts_are_read_from_is_left_out_of_a_lock(model_type: str):
    asked: set[str] = set()
    config = {
        **CONFIG, "model_type": model_type, "d_ff": 4, "num_experts": 4, "n_routed_experts": 8,
        "kv_lora_rank": 8, "sliding_window": 64, "num_experts_per_tok": 2,
    }  # fmt: skip
    known_models.from_lock(replace(ENTRY, config=Noting(config, asked)))
    assert len(asked) > 20
    assert [key for key in sorted(asked) if relevant_part({key: 1}) != {key: 1}] == []


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**60, "x" * 201, "a\x1b[2J", "", None, {}, [None] * 300],
)
def test_a_value_that_no_model_has_is_left_out(value: Any):
    assert relevant_part({"a": value, "b": 1}) in ({"b": 1}, {"a": [], "b": 1})


def test_a_secret_never_gets_into_a_lock():
    token = "hf_" + "x" * 34
    assert relevant_part({"auth_token": "sesame", "note": token, "b": {"api_key": "k"}}) == {}


def test_endless_nesting_ends_and_long_lists_of_modules_become_patterns():
    deep: Any = 1
    for _ in range(50):
        deep = {"a": deep}
    assert len(json.dumps(relevant_part(deep))) < 100
    names = [f"model.layers.{n}.mlp.gate" for n in range(300)]
    part = {"quantization_config": {"modules_to_not_convert": ["lm_head", *names]}}
    kept = relevant_part(part)["quantization_config"]["modules_to_not_convert"]
    assert kept == ["lm_head", "model.layers.*.mlp.gate"]
    kinds_of_layers = ["sliding_attention", "full_attention"] * 48
    assert relevant_part({"layer_types": kinds_of_layers})["layer_types"] == kinds_of_layers


def test_numbers_that_are_none_are_not_taken_for_left_out():
    found = parsed(b'\xef\xbb\xbf{"a": NaN, "b": Infinity}')
    assert found is not None
    assert list(found) == ["a", "b"]
    assert None not in found.values()
    assert relevant_part(found) == {}
