"""`lmi-deploy size`, with the real models of memory and speed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session

from lmi_deployer import prices
from tests.cli.conftest import Command
from tests.edges.hub_server import Repo, Sparse, running_hub, small_model

PAGE = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text(encoding="utf-8")
LLAMA = "meta-llama/Llama-2-7b-hf"
BIG = "meta-llama/Llama-2-70b-hf"
CONFIG = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
    "torch_dtype": "float16",
}


@pytest.fixture(autouse=True)
def only_the_catalogs_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(prices.FILE_VARIABLE, "")
    prices.known.cache_clear()


def document(lmi: Command, *arguments: str) -> Any:
    done = lmi("size", *arguments, "-o", "json")
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)


def test_one_question_is_answered_at_once(lmi: Command):
    done = lmi("size", LLAMA, "--instance", "ml.g5.2xlarge")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{LLAMA} on ml.g5.2xlarge, 1 x A10G: fits\n")
    assert "[WWW" in done.out
    assert "TAKEN" in done.out


@pytest.mark.parametrize(
    "machine",
    [
        ["--instance", "ml.g5.12xlarge"],
        ["--instance-type", "g5.12xlarge"],
        ["--gpu", "A10G", "--gpu-count", "4"],
        ["--gpu", "nvidia a10g", "--gpu-count", "4"],
    ],
)
def test_a_machine_has_several_names_and_one_answer(lmi: Command, machine: list[str]):
    found = document(lmi, LLAMA, *machine, "--container", "0.28.0", "--backend", "vllm")
    assert found["setup"]["gpu"] == "A10G"
    assert found["setup"]["tensor_parallel_degree"] == 4
    named = document(
        lmi, LLAMA, "--instance", "g5.12xlarge", "--container", "0.28.0", "--backend", "vllm"
    )
    assert found["per_gpu"] == named["per_gpu"]


def test_the_document_has_the_memory_in_bytes_and_the_bound(lmi: Command):
    found = document(lmi, LLAMA, "--instance", "g5.2xlarge")
    parts = found["per_gpu"]
    assert all(isinstance(size, int) for size in parts.values())
    assert 12e9 < parts["weights"] < 15e9
    assert found["kv_cache_tokens"] > 0
    assert found["max_sequences"] > 0
    assert found["fits"] is True
    assert found["bound"]["kv_cache_bytes_low"] <= parts["kv_cache"]
    assert parts["kv_cache"] <= found["bound"]["kv_cache_bytes_high"]
    assert found["price"]["as_of"]
    assert found["setup"]["container_version"]


@pytest.mark.parametrize(
    ("flags", "setting", "value"),
    [
        (["--backend", "lmi-dist"], "backend", "lmi-dist"),
        (["--engine-version", "0.5.4"], "engine_version", "0.5.4"),
        (["--tensor-parallel-degree", "2"], "tensor_parallel_degree", 2),
        (["--pipeline-parallel-degree", "2"], "pipeline_parallel_degree", 2),
        (["--dtype", "fp32"], "dtype", "fp32"),
        (["--quantize", "fp8"], "quantize", "fp8"),
        (["--kv-cache-dtype", "fp8"], "kv_cache_dtype", "fp8"),
        (["--memory-fraction", "0.7"], "memory_fraction", 0.7),
        (["--gpu-memory-utilization", "0.7"], "memory_fraction", 0.7),
        (["--max-input-len", "2000"], "max_input_len", 2000),
        (["--max-output-len", "2000"], "max_output_len", 2000),
        (["--max-model-len", "3000"], "max_model_len", 3000),
        (["--max-rolling-batch-size", "200"], "max_rolling_batch_size", 200),
        (["--max-num-tokens", "16384"], "max_num_tokens", 16384),
        (["--max-num-batched-tokens", "16384"], "max_num_tokens", 16384),
        (["--max-rolling-batch-prefill-tokens", "16384"], "max_num_tokens", 16384),
        (["--enable-chunked-prefill"], "enable_chunked_prefill", True),
        (["--no-enable-chunked-prefill"], "enable_chunked_prefill", False),
        (["--enforce-eager"], "enforce_eager", True),
    ],
)
def test_every_setting_is_a_flag_that_is_understood(
    lmi: Command, flags: list[str], setting: str, value: object
):
    base = [LLAMA, "--instance", "g6.12xlarge", "--container", "0.32.0"]
    base += [] if "--backend" in flags else ["--backend", "vllm"]
    found = document(lmi, *base, *flags)
    assert found["setup"][setting] == value
    assert setting not in found["assumed"]


def test_settings_change_the_answer_the_way_they_should(lmi: Command):
    base = [LLAMA, "--instance", "g6.12xlarge", "--container", "0.32.0", "--backend", "vllm"]
    plain = document(lmi, *base, "--tensor-parallel-degree", "1")

    def changed(*flags: str) -> Any:
        return document(lmi, *base, "--tensor-parallel-degree", "1", *flags)

    assert changed("--quantize", "fp8")["per_gpu"]["weights"] < plain["per_gpu"]["weights"]
    assert (
        changed("--kv-cache-dtype", "fp8")["kv_bytes_per_token"] * 2
        == (plain["kv_bytes_per_token"])
    )
    assert changed("--memory-fraction", "0.95")["kv_cache_tokens"] > plain["kv_cache_tokens"]
    assert changed("--max-input-len", "2048")["max_sequences"] < plain["max_sequences"]


def test_without_a_machine_every_instance_type_is_tried(lmi: Command):
    done = lmi("size", BIG)
    assert done.status == 0
    assert "ml.p4d.24xlarge" in done.out
    assert "GiB short on each: " in done.out
    assert "Not possible: ml.p6e-gb200.36xlarge: LMI images are for x86_64" in done.out
    found = document(lmi, BIG)
    fitting = [item for item in found["answers"] if item["fits"]]
    charges = [item["price"]["usd_per_hour"] for item in fitting if item["price"]]
    assert charges == sorted(charges)
    assert not any(item["setup"]["gpu"] in {"A800-SXM4-80GB", "RTX-4090"} for item in fitting)


def test_a_price_is_that_of_the_region_or_says_which_it_is_of(lmi: Command):
    flags = [LLAMA, "--instance", "g5.2xlarge"]
    assert document(lmi, *flags, "--region", "us-east-1")["price"]["region"] == "us-east-1"
    assert document(lmi, *flags, "--region", "sa-east-1")["price"]["region"] != "sa-east-1"


def test_a_hardware_profile_is_sized_as_it_is(lmi: Command):
    found = document(lmi, "llama2-70b", "-p", "p4d")
    assert found["model"] == "llama2-70b / p4d"
    assert (found["setup"]["backend"], found["setup"]["instance_type"]) == (
        "trtllm",
        "ml.p4d.24xlarge",
    )
    smaller = document(lmi, "llama2-70b", "-p", "p4d", "--set", "max_rolling_batch_size=4")
    assert smaller["setup"]["max_rolling_batch_size"] == 4


def test_all_hardware_profiles_are_sized_side_by_side(lmi: Command):
    found = document(lmi, "llama2-70b", "-p", "all")
    assert len(found["answers"]) > 2


def test_a_profile_without_hardware_lends_its_model_and_its_traffic(lmi: Command):
    found = document(lmi, "chat", "--instance", "g5.2xlarge")
    assert found["model"] == "TheBloke/Llama-2-7B-fp16"
    assert (found["setup"]["max_input_len"], found["setup"]["max_output_len"]) == (1024, 512)
    assert "max_input_len" not in found["assumed"]


def test_a_profile_lends_its_container_version_unless_the_question_is_about_another(lmi: Command):
    flags = ["llama2-70b", "--instance", "p4d.24xlarge"]
    assert document(lmi, *flags)["setup"]["container_version"] == "0.25.0"
    other = document(lmi, *flags, "--container", "0.28.0")["setup"]
    assert other["container_version"] == "0.28.0"
    library = document(lmi, *flags, "--backend", "vllm", "--engine-version", "0.6.3.post1")["setup"]
    assert library["engine_version"] == "0.6.3.post1"
    assert library["container_version"] != "0.25.0"


def test_nothing_is_wider_than_the_terminal(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "80")
    for flags in (
        [LLAMA],
        [LLAMA, "--gpu", "B200", "--gpu-count", "8", "--pipeline-parallel-degree", "2"],
        [LLAMA, "--instance", "inf2.xlarge"],
    ):
        lines = lmi("size", *flags).out.splitlines()
        assert [line for line in lines if len(line) > 80] == []


def test_a_config_at_hand_is_sized_without_any_network(lmi: Command, tmp_path: Path):
    (tmp_path / "model").mkdir()
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(CONFIG))
    flags = ["--instance", "g5.2xlarge", "--container", "0.28.0", "--backend", "vllm"]
    known = document(lmi, LLAMA, *flags)["per_gpu"]
    for arguments in ([str(path)], [str(path.parent)], ["acme/own", "--config", str(path)]):
        assert document(lmi, *arguments, *flags)["per_gpu"] == known


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"model_type": 3}', "\x00"])
def test_a_config_that_says_nothing_is_refused(lmi: Command, tmp_path: Path, text: str):
    path = tmp_path / "config.json"
    path.write_text(text)
    done = lmi("size", str(path), "--instance", "g5.2xlarge")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: ")


@pytest.mark.parametrize("words", [[], ["--refresh"]])
def test_the_hub_is_asked_only_when_that_is_asked_for(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
):
    with running_hub() as hub:
        hub.repos["acme/chat"] = Repo(small_model(CONFIG))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        done = lmi("size", "acme/chat", "--instance", "g5.2xlarge", *words)
        close_session()
    assert done.status == (0 if words else 2), done.err
    assert bool(hub.requests) == bool(words)


def test_a_folder_with_its_weights_has_them_counted(lmi: Command, tmp_path: Path):
    for name, file in small_model(CONFIG).items():
        content = file.part(0, file.size - 1) if isinstance(file, Sparse) else file
        (tmp_path / name).write_bytes(content)
    found = document(lmi, str(tmp_path), "--instance", "g5.2xlarge")
    assert found["setup"]["parameter_count"] == 210_240


def test_a_question_imports_nothing_that_only_other_questions_need():
    code = (
        "import sys; from lmi_deployer.cli import run;"
        f"assert run(['size', {LLAMA!r}, '--instance', 'g5.2xlarge']) == 0;"
        "assert not {'boto3', 'huggingface_hub', 'matplotlib'} & set(sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr


def test_an_unknown_model_is_refused_with_every_way_to_make_it_known(lmi: Command):
    done = lmi("size", "acme/chat-7b", "--instance", "g5.2xlarge")
    assert (done.status, done.out) == (2, "")
    for way in ("--refresh", "--config", "lmi-deploy lock"):
        assert way in done.err
    assert "did you mean 'mistralai/Mistral-7B-v0." in lmi("size", "mistralai/Mistral-7B").err
    assert "add --refresh" in lmi("size", "s3://acme/models/chat/").err


@pytest.mark.parametrize(
    "flags",
    [
        ["--instance", "ml.g5.3xlarge"],
        ["--instance", ""],
        ["--gpu", "A100"],
        ["--gpu", "A11G"],
        ["--gpu", ""],
        ["--gpu-count", "2"],
        ["--gpu", "A10G", "--gpu-count", "0"],
        ["--gpu", "A10G", "--gpu-count", "9" * 400],
        ["--gpu", "A10G", "--instance", "g5.xlarge"],
        ["--instance", "g5.xlarge", "--tensor-parallel-degree", "-1"],
        ["--instance", "g5.xlarge", "--tensor-parallel-degree", "half"],
        ["--instance", "g5.xlarge", "--memory-fraction", "nan"],
        ["--instance", "g5.xlarge", "--memory-fraction", "inf"],
        ["--instance", "g5.xlarge", "--memory-fraction", "0"],
        ["--instance", "g5.xlarge", "--memory-fraction", "1.01"],
        ["--instance", "g5.xlarge", "--max-input-len", ""],
        ["--instance", "g5.xlarge", "--max-input-len", "1e3"],
        ["--instance", "g5.xlarge", "--max-input-len", "٣"],
        ["--instance", "g5.xlarge", "--max-rolling-batch-size", "0"],
        ["--instance", "g5.xlarge", "--backend", "vlm"],
        ["--instance", "g5.xlarge", "--dtype", "float8"],
        ["--instance", "g5.xlarge", "--container", "latest"],
        ["--instance", "g5.xlarge", "--plot", "memory.txt"],
        ["--instance", "g5.xlarge", "--set", "backend=vllm"],
        ["-p", "g5"],
    ],
)
def test_hostile_or_mistaken_flags_end_with_status_2_and_a_short_error(
    lmi: Command, flags: list[str]
):
    done = lmi("size", LLAMA, *flags)
    assert (done.status, done.out) == (2, "")
    assert "rror: " in done.err
    assert len(done.err) < 900


def test_a_misspelt_name_of_a_setting_offers_the_nearest(lmi: Command):
    done = lmi("size", LLAMA, "--instance", "g5.xlarge", "--backend", "vlm")
    assert "did you mean 'vllm'?" in done.err


def test_flags_beside_a_hardware_profile_are_refused_for_set(lmi: Command):
    done = lmi("size", "llama2-70b", "-p", "p4d", "--dtype", "fp16", "--instance", "g5.xlarge")
    assert done.status == 2
    assert "not --instance, --dtype; change it with --set" in done.err


def test_check_makes_the_answer_an_exit_status(lmi: Command):
    assert lmi("size", BIG, "--instance", "g5.xlarge").status == 0
    assert lmi("size", BIG, "--instance", "g5.xlarge", "--check").status == 2
    assert lmi("size", LLAMA, "--instance", "g5.2xlarge", "--check").status == 0
    assert lmi("size", "meta-llama/Llama-2-7b-hf", "--check").status == 0


def test_the_picture_is_written_beside_the_answer(lmi: Command, tmp_path: Path):
    for name, start in (("a.svg", b"<?xml"), ("b.png", b"\x89PNG")):
        done = lmi("size", LLAMA, "--instance", "g5.2xlarge", "--plot", str(tmp_path / name))
        assert done.status == 0
        assert done.err == f"Wrote {tmp_path / name}.\n"
        assert (tmp_path / name).read_bytes().startswith(start)


def test_a_narrow_terminal_gets_a_narrow_bar(lmi: Command, monkeypatch: pytest.MonkeyPatch):
    lines = {}
    for columns in ("50", "100"):
        monkeypatch.setenv("COLUMNS", columns)
        text = lmi("size", LLAMA, "--instance", "g5.2xlarge").out
        lines[columns] = next(line for line in text.splitlines() if "[W" in line)
        assert len(lines[columns]) <= int(columns)
    assert len(lines["50"]) < len(lines["100"])


def without_figures(text: str) -> str:
    """A page with what constants decide taken out: numbers, and the lengths of the bar's parts."""
    plain = re.sub(r"\d[\d,.]*", "#", text)
    plain = re.sub(r"([WAOK.])\1+(?=[WAOK.|\]])", r"\1", plain)
    return re.sub(r"\s+", " ", plain)


def test_the_page_of_the_documentation_shows_what_is_printed(
    lmi: Command, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "100")
    blocks = re.findall(r"```console\n\$ lmi-deploy (.*?)\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    for line, shown in blocks:
        done = lmi(*line.split())
        assert without_figures(done.out).strip() == without_figures(shown).strip()


def test_the_page_of_the_documentation_names_every_flag():
    from lmi_deployer.cli.size_command import command

    flags = {flag for parameter in command.params for flag in parameter.opts if flag[:2] == "--"}
    assert sorted(flag for flag in flags if f"`{flag}" not in PAGE) == []


def test_an_unknown_region_is_refused_and_a_substitute_is_named(lmi: Command):
    assert "unknown region 'mars-1'" in lmi("size", LLAMA, "--region", "mars-1").err
    machine = ("--instance", "g5.2xlarge")
    paris = ("--region", "eu-west-3")
    assert "none is known for eu-west-3" in lmi("size", LLAMA, *machine, *paris).out
    assert document(lmi, LLAMA, *machine, *paris)["price"]["is_of_the_region"] is False
    assert document(lmi, LLAMA, *machine)["price"]["is_of_the_region"] is True
    assert "* no price is known for eu-west-3" in lmi("size", LLAMA, *paris).out


def test_a_price_file_comes_before_all_others(lmi: Command, tmp_path: Path):
    path = tmp_path / "own.yaml"
    path.write_text(
        "- name: own\n  region: us-east-1\n  as_of: 2020-01-01\n  source: ours\n"
        "  checked: 2026-11-21\n  usd_per_hour: {ml.g5.2xlarge: 9}\n"
    )
    words = ("--instance", "g5.2xlarge", "--region", "us-east-1", "--prices", str(path))
    assert document(lmi, LLAMA, *words)["price"]["usd_per_hour"] == 9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine-version", "abc"], "is not a version"),
        (["--dtype", "bfloat61"], "is not one of fp32, fp16, bf16"),
    ],
)
def test_values_that_mean_nothing_are_refused(lmi: Command, words: list[str], said: str):
    done = lmi("size", LLAMA, "--instance", "g5.2xlarge", *words)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_number_formats_may_be_spelt_as_libraries_spell_them(lmi: Command):
    machine = ("--gpu", "L40S", "--backend", "vllm", "--container", "0.36.0-lmi27")
    ours = document(lmi, LLAMA, *machine, "--dtype", "bf16", "--kv-cache-dtype", "fp8")
    theirs = document(lmi, LLAMA, *machine, "--dtype", "bfloat16", "--kv-cache-dtype", "fp8_e4m3")
    assert ours["setup"] == theirs["setup"]


def test_a_batch_above_the_sure_one_says_that_it_is_by_the_middle(lmi: Command):
    machine = ("--instance", "g5.48xlarge", "--container", "0.36.0-lmi27")
    asked = document(lmi, BIG, *machine)
    batch, safe = asked["setup"]["max_rolling_batch_size"], asked["max_safe_batch"]
    assert 0 < safe < batch
    text = " ".join(lmi("size", BIG, *machine).out.split())
    assert f"{batch}, by the middle estimate; a server started with up to {safe} is sure" in text


@pytest.mark.parametrize("words", [[LLAMA], [LLAMA, "--instance", "g5.2xlarge"]])
def test_a_narrow_terminal_gets_narrow_lines(
    lmi: Command, monkeypatch: pytest.MonkeyPatch, words: list[str]
):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, lmi("size", *words).out.splitlines())) <= 60
