"""A config.json that the user names is read with what tools wrote beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lmi_deployer.edges.config_files import read_config
from lmi_deployer.errors import InputError
from tests.cli.conftest import Command

CONFIG = {"model_type": "llama", "transformers_version": "4.31.0"}
BESIDE = {"bits": 4, "group_size": 128, "desc_act": False}
STATED = {**CONFIG, "quantization_config": {"quant_method": "gptq", **BESIDE}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "model" / "config.json"
    path.parent.mkdir()
    path.write_text(json.dumps(CONFIG))
    return path


def test_a_quantize_config_beside_it_counts(config: Path):
    assert read_config(config) == CONFIG
    (config.parent / "quantize_config.json").write_text(json.dumps(BESIDE))
    assert read_config(config) == STATED


def test_under_another_name_it_may_lie_beside_another_model(config: Path):
    (config.parent / "quantize_config.json").write_text(json.dumps(BESIDE))
    other = config.rename(config.with_name("other.json"))
    assert read_config(other) == CONFIG


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 100_000, "\x00"])
def test_what_is_no_json_object_is_told_with_its_name(config: Path, text: str):
    beside = config.parent / "quantize_config.json"
    beside.write_text(text)
    with pytest.raises(InputError, match=r"quantize_config\.json is no JSON"):
        read_config(config)
    config.write_text(text)
    with pytest.raises(InputError, match=r"/config\.json is no JSON"):
        read_config(config)


def test_lint_knows_a_quantized_model_by_the_file_beside_its_config(config: Path, lmi: Command):
    settings = Path("serving.properties")
    settings.write_text("engine=MPI\noption.model_id=acme/chat\noption.rolling_batch=lmi-dist\n")
    words = ("lint", str(settings), "--container", "0.25.0", "--flavor", "deepspeed",
             "--model-facts", str(config))  # fmt: skip
    before = lmi(*words).out
    (config.parent / "quantize_config.json").write_text(json.dumps(BESIDE))
    after = lmi(*words).out
    assert "gptq" not in before
    assert "gptq" in after
