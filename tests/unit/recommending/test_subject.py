"""The model that is meant: of a profile, of the catalog, or of the lock beside the profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmi_deployer.errors import InputError
from lmi_deployer.lockfile import LockedModel, WeightFiles
from lmi_deployer.locking.writing import text_of
from lmi_deployer.recommending.subject import find, of_model
from tests.unit.recommending.asking import MISTRAL, ask

OWN = "acme/own-8b"
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "num_hidden_layers": 32,
    "max_position_embeddings": 8192,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose profiles/lmi.lock holds OWN."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profiles").mkdir()
    entry = LockedModel(
        model_id=OWN,
        facts_from="hub",
        commit="0" * 40,
        checked="2026-11-21",
        config=CONFIG,
        parameters={"BF16": 8_030_261_248},
        weights={"safetensors": WeightFiles(bytes=16_060_522_496, files=4)},
    )
    (tmp_path / "profiles" / "lmi.lock").write_text(text_of([entry]))


def test_a_profile_is_found_by_name_and_a_model_by_its_id():
    assert find("llama2-70b").text is not None
    assert find(MISTRAL).text is None


def test_a_model_of_the_lock_is_recommended_for_and_keeps_its_lock(locked: None):
    outcome = ask(find(OWN), limits={"concurrency": 4}, top=3)
    assert outcome.recommended
    codes = {item.code for row in outcome.recommended for item in row.findings}
    assert "LMI403" not in codes
    assert all(row.spec.weights.facts is not None for row in outcome.recommended)


def test_lengths_stay_within_the_positions_of_a_short_model():
    subject = of_model("openai-community/gpt2-xl")
    assert subject.max_input_len + subject.max_output_len == 1024


@pytest.mark.parametrize("name", ["never-heard-of", "acme/never-heard-of", "no/such/file.yaml"])
def test_what_nobody_knows_is_refused(name: str):
    with pytest.raises(InputError) as caught:
        find(name)
    assert caught.value.fix is not None
