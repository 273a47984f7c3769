"""Configurations, locks and folders that cannot be: each command says what, where and why."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.edges.hub_server import weights

NAME = "acme/big"
CONFIG: dict[str, Any] = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
    "intermediate_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2,
    "vocab_size": 1000, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip
TENSORS = {"model.embed_tokens.weight": ("F16", [1000, 64]),
           "model.layers.weight": ("F16", [2, 41_024])}  # fmt: skip
LOCK = Path("profiles/lmi.lock")


@pytest.fixture(autouse=True)
def one_profile(lmi: Command) -> None:
    path = Path("profiles/chat.yaml")
    path.write_text(path.read_text().replace("TheBloke/Llama-2-7B-fp16", NAME))


def folder(**changes: object) -> Path:
    path = Path("copy")
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    held = weights(TENSORS)
    with (path / "model.safetensors").open("wb") as stream:
        stream.write(held.start)
        stream.truncate(held.size)
    return path


def edit_lock(**config: object) -> None:
    document = json.loads(LOCK.read_text())
    document["models"][0]["config"] |= config
    LOCK.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("key", "value"),
    [("num_hidden_layers", -32), ("num_attention_heads", 0), ("hidden_size", 1e30),
     ("vocab_size", "many"), ("hidden_size", 2**70)],
)  # fmt: skip
def test_a_number_that_cannot_be_is_refused_by_lock_and_size(lmi: Command, key: str, value: object):
    said = f"{key} is {value!r}, which no model has"
    copy = folder(**{key: value})
    done = lmi("lock", "--from", f"{NAME}={copy}")
    assert done.status == 2
    assert "error[LMI413] profiles/chat.yaml:" in done.out
    assert said in done.out
    assert not LOCK.exists()
    done = lmi("size", str(copy), "--instance", "g5.2xlarge")
    assert done.status != 0
    assert said in done.err


def test_a_lock_edited_into_nonsense_fails_check_and_validate(lmi: Command):
    assert lmi("lock", "--from", f"{NAME}={folder()}").status == 0
    assert lmi("lock", "--check").status == 0
    edit_lock(num_hidden_layers=-32)
    for command in (["lock", "--check"], ["validate", "profiles/chat.yaml"]):
        done = lmi(*command)
        assert done.status == 2
        assert "error[LMI413]" in done.out + done.err
        assert "num_hidden_layers is -32" in done.out + done.err
    edit_lock(num_hidden_layers=2, vocab_size=9000)
    done = lmi("lock", "--check")
    assert done.status == 2
    assert "the configuration comes to" in done.out


def test_a_contradiction_that_was_noted_when_it_was_locked_does_not_fail_the_check(lmi: Command):
    done = lmi("lock", "--from", f"{NAME}={folder(vocab_size=9000)}")
    assert done.status == 0
    assert "warning[LMI413]" in done.out
    done = lmi("lock", "--check")
    assert done.status == 0, done.out


@pytest.mark.parametrize("kind", ["binary", "folder", "pipe"])
def test_a_lock_that_is_no_text_is_named_as_the_culprit(lmi: Command, kind: str):
    if kind == "binary":
        LOCK.write_bytes(b"\xff\xfe\0")
    elif kind == "folder":
        LOCK.mkdir()
    else:
        os.mkfifo(LOCK)
    for command in (["lock", "--check"], ["validate", "profiles/chat.yaml"]):
        done = lmi(*command)
        assert done.status == 2
        assert "error[LMI414] profiles/lmi.lock" in done.out + done.err
        assert "save it as UTF-8" not in done.out + done.err


def test_a_model_that_the_lock_lacks_is_told_beside_the_size_that_is_missing(lmi: Command):
    done = lmi("validate", "profiles/chat.yaml")
    assert "error[LMI004]" in done.out + done.err
    assert "`lmi-deploy lock`" in done.out + done.err
    LOCK.write_text(json.dumps({"lock_version": 1, "models": []}))
    done = lmi("validate", "profiles/chat.yaml")
    assert "[LMI411]" in done.out + done.err
    assert "neither profiles/lmi.lock nor the catalog" in done.out + done.err


def test_what_lies_here_and_is_no_model_is_not_called_unknown(lmi: Command):
    Path("empty").mkdir()
    os.mkfifo("pipe")
    assert "the folder empty has no config.json" in lmi("size", "empty").err
    assert "has no config.json" in lmi("size", ".").err
    assert "pipe is no regular file" in lmi("size", "pipe").err


def test_what_is_missing_is_named_and_not_the_flag_that_was_given(lmi: Command):
    Path("little.json").write_text(json.dumps({"model_type": "llama"}))
    done = lmi("size", "acme/big", "--config", "little.json")
    assert "lacks hidden_size, num_hidden_layers" in done.err
    assert "--config" not in done.err
    assert "--refresh" not in done.err


def test_parameters_of_a_config_alone_are_said_to_be_computed(lmi: Command):
    copy = folder()
    assert "computed, not counted" not in lmi("size", str(copy), "--instance", "g5.2xlarge").out
    (copy / "model.safetensors").unlink()
    out = " ".join(lmi("size", str(copy), "--instance", "g5.2xlarge").out.split())
    assert "computed, not counted" in out


def test_an_id_is_found_whatever_the_letters_and_told_as_it_is_published(lmi: Command):
    done = lmi("size", "meta-LLAMA/llama-2-7B-HF", "--instance", "g5.2xlarge")
    assert done.out.startswith("meta-llama/Llama-2-7b-hf on ml.g5.2xlarge")


def test_a_source_that_is_no_folder_on_s3_is_the_flag_s_mistake(lmi: Command):
    done = lmi("recommend", "meta-llama/Llama-2-7b-hf", "--source", "ftp://x")
    assert done.status != 0
    assert "--source: 'ftp://x' must be of the form s3://" in done.err
    assert "recommended.yaml" not in done.err
