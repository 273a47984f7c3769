from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_deployer import render
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.errors import InputError
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.importing import Imported, Wish, import_profile, slug
from lmi_deployer.importing.lengths import lengths
from lmi_deployer.importing.spelling import typed
from lmi_deployer.lint import judge_settings, make_target
from lmi_deployer.resolve import resolve
from lmi_deployer.resources import find_profile, shipped_profiles
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.written import make_written

MODEL = "TheBloke/Llama-2-7B-fp16"


def load(name: str) -> dict[str, ResolvedSpec]:
    loaded = load_profile(find_profile(name).read_text(encoding="utf-8"), name)
    return {hardware: resolve(merge(loaded, hardware)) for hardware in loaded.hardware_names}


SHIPPED = [spec for name in shipped_profiles() for spec in load(name).values()]
every_shipped = pytest.mark.parametrize("spec", SHIPPED, ids=lambda spec: spec.title)


def imported(
    properties: str | None = None,
    environment: str | None = None,
    *,
    container: str = "0.28.0",
    instance: str = "ml.g5.12xlarge",
    **wish: object,
) -> Imported:
    return import_profile(
        lambda facts: make_written(
            "serving.properties",
            facts,
            properties=None if properties is None else properties.encode(),
            environment=None if environment is None else environment.encode(),
        ),
        Wish(container=container, instance_type=instance, **wish),  # type: ignore[arg-type]
    )


def pairs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line)


def as_rendered(spec: ResolvedSpec) -> dict[str, object]:
    """Everything of a spec that reaches the container or SageMaker, and the sizes behind it."""
    names = ("weights", "container", "backend", "support", "image", "instance", "gpu",
             "tensor_parallel_degree", "max_rolling_batch_size", "settings", "options")  # fmt: skip
    return {
        **{name: getattr(spec, name) for name in names},
        "endpoint": replace(spec.endpoint, name=""),
    }


# Round trips


@every_shipped
def test_a_shipped_profile_comes_back_out_of_the_file_that_it_renders(spec: ResolvedSpec):
    made = imported(
        render.serving_properties(spec),
        container=spec.container.version,
        instance=spec.instance.name,
    )
    assert as_rendered(made.spec) == as_rendered(spec)
    assert (made.left_out, made.respelt) == ((), ())


@every_shipped
def test_a_shipped_profile_comes_back_out_of_the_environment_that_it_renders(spec: ResolvedSpec):
    made = imported(
        environment=render.as_environment_file(spec),
        container=spec.container.version,
        instance=spec.instance.name,
    )
    assert as_rendered(made.spec) == as_rendered(spec)
    assert (made.left_out, made.respelt) == ((), ())


def file(version: str, flavor: str, instance: str, words: str) -> tuple[str, str, str, str]:
    """A file of one line for each word, and what reads it."""
    return version, flavor, instance, "".join(f"{word}\n" for word in words.split())


HAND_WRITTEN = {
    "lmi-dist": file(
        "0.23.0",
        "deepspeed",
        "ml.g5.12xlarge",
        """engine=MPI option.model_id=tiiuae/falcon-7b option.rolling_batch=auto
        option.trust_remote_code=true option.tensor_parallel_degree=1 option.revision=main
        option.max_rolling_batch_size=64""",
    ),
    "deepspeed": file(
        "0.24.0",
        "deepspeed",
        "ml.g5.12xlarge",
        """engine=DeepSpeed option.model_id=EleutherAI/gpt-neox-20b option.max_tokens=2048
        option.tensor_parallel_degree=4 option.dtype=fp16 option.task=text-generation""",
    ),
    "smoothquant": file(
        "0.25.0",
        "tensorrtllm",
        "ml.g5.12xlarge",
        """engine=MPI option.model_id=TheBloke/Llama-2-7B-fp16 option.tensor_parallel_degree=max
        option.quantize=smoothquant option.smoothquant_alpha=0.80 option.max_input_len=1000
        option.smoothquant_per_token=true""",
    ),
    "neuronx": file(
        "0.25.0",
        "neuronx",
        "ml.inf2.24xlarge",
        """engine=Python option.entryPoint=djl_python.transformers_neuronx option.batch_size=4
        option.model_id=TheBloke/Llama-2-7B-fp16 option.tensor_parallel_degree=4
        option.n_positions=512 option.dtype=fp16 option.max_rolling_batch_size=4
        option.rolling_batch=auto option.model_loading_timeout=2400""",
    ),
    "awq": file(
        "0.26.0",
        "deepspeed",
        "ml.g5.2xlarge",
        """engine=Python option.model_id=TheBloke/Llama-2-13B-AWQ option.rolling_batch=vllm
        option.quantize=awq option.dtype=fp16 option.tensor_parallel_degree=1
        option.max_model_len=2048""",
    ),
    "accelerate": file(
        "0.27.0",
        "deepspeed",
        "ml.g5.12xlarge",
        """engine=Python option.model_id=TheBloke/Llama-2-7B-fp16 option.rolling_batch=disable
        option.device_map=auto option.dtype=bf16""",
    ),
    "vllm": file(
        "0.28.0",
        "lmi",
        "ml.g5.12xlarge",
        """option.model_id=TheBloke/Llama-2-7B-fp16 option.rolling_batch=vllm
        option.tensor_parallel_degree=2 option.gpu_memory_utilization=0.85
        option.max_rolling_batch_size=128 option.enforce_eager=true job_queue_size=2000""",
    ),
    "s3": file(
        "0.29.0",
        "lmi",
        "ml.g5.12xlarge",
        """option.model_id=s3://acme/models/Llama-2-7B-fp16 option.rolling_batch=lmi-dist
        option.tensor_parallel_degree=4 option.output_formatter=jsonlines""",
    ),
    "s3url": file(
        "0.26.0",
        "deepspeed",
        "ml.g5.12xlarge",
        """engine=MPI option.entryPoint=djl_python.huggingface option.rolling_batch=lmi-dist
        option.s3url=s3://acme/Llama-2-7B-fp16/ option.tensor_parallel_degree=4""",
    ),
    "trtllm": file(
        "0.30.0",
        "tensorrtllm",
        "ml.p4d.24xlarge",
        """engine=MPI option.model_id=TheBloke/Llama-2-7B-fp16 option.max_num_tokens=16384
        option.tensor_parallel_degree=max option.kv_cache_free_gpu_mem_fraction=0.7""",
    ),
    "no-prefix": file(
        "0.31.0",
        "lmi",
        "ml.g5.12xlarge",
        """engine=Python option.model_id=TheBloke/Llama-2-7B-fp16 dtype=fp16
        option.rolling_batch=vllm option.tensor_parallel_degree=4""",
    ),
    "scheduler": file(
        "0.32.0",
        "lmi",
        "ml.g5.12xlarge",
        """engine=Python option.model_id=TheBloke/Llama-2-7B-fp16 option.rolling_batch=scheduler
        option.tensor_parallel_degree=4 option.dtype=fp16""",
    ),
    "all-left-to-the-server": file(
        "0.32.0",
        "lmi",
        "ml.g5.12xlarge",
        "option.model_id=TheBloke/Llama-2-7B-fp16",
    ),
    "asynchronous-trtllm": file(
        "0.33.0",
        "tensorrtllm",
        "ml.p4d.24xlarge",
        """option.model_id=TheBloke/Llama-2-7B-fp16 option.dtype=float16
        option.free_gpu_memory_fraction=0.8""",
    ),
    "late-vllm": file(
        "0.34.0",
        "lmi",
        "ml.g5.12xlarge",
        """engine=Python option.model_id=TheBloke/Llama-2-7B-fp16 option.rolling_batch=vllm
        option.tensor_parallel_degree=max option.max_model_len=4096""",
    ),
    "asynchronous-vllm": file(
        "0.36.0-lmi27",
        "lmi",
        "ml.g6.12xlarge",
        """engine=Python option.async_mode=true option.rolling_batch=disable
        option.entryPoint=djl_python.lmi_vllm.vllm_async_service
        option.model_id=TheBloke/Llama-2-7B-fp16 option.tensor_parallel_degree=4
        option.max_model_len=4096""",
    ),
}
"""Files as people write them: (version, flavor, instance type, text)."""
every_file = pytest.mark.parametrize(
    ("version", "flavor", "instance", "text"), HAND_WRITTEN.values(), ids=HAND_WRITTEN
)


@every_file
def test_a_hand_written_file_is_rendered_again_line_by_line(
    version: str, flavor: str, instance: str, text: str
):
    made = imported(text, container=version, flavor=flavor, instance=instance)
    assert render.properties(made.spec) == pairs(text)
    assert made.left_out == ()


@every_file
def test_the_server_makes_the_same_of_the_profile_as_of_the_file(
    version: str, flavor: str, instance: str, text: str
):
    made = imported(text, container=version, flavor=flavor, instance=instance)
    target = make_target(version, flavor, instance)
    before = judge_settings(target, pairs(text), {})
    after = judge_settings(target, render.properties(made.spec), {})
    assert (after.handler, after.effective) == (before.handler, before.effective)


@every_file
def test_the_profile_reads_well(version: str, flavor: str, instance: str, text: str):
    made = imported(text, container=version, flavor=flavor, instance=instance)
    assert made.text.isascii()
    assert made.text.endswith("\n")
    assert "\n\n\n" not in made.text
    assert all(len(line) <= 100 and line == line.rstrip() for line in made.text.splitlines())
    assert f"LMI {version} ({flavor})" in made.text


def test_every_handler_that_profiles_choose_is_among_the_hand_written_files():
    backends = {
        imported(text, container=version, flavor=flavor, instance=instance).spec.backend
        for version, flavor, instance, text in HAND_WRITTEN.values()
    }
    assert backends == set(get_args(Backend))


def test_settings_become_keys_of_the_profile_and_the_rest_become_options():
    version, flavor, instance, text = HAND_WRITTEN["smoothquant"]
    made = imported(text, container=version, flavor=flavor, instance=instance)
    assert made.text.partition("\nprofiles:\n")[2] == (
        "  g5:\n"
        "    instance_type: ml.g5.12xlarge\n"
        "    backend: trtllm\n"
        "    tensor_parallel_degree: 4\n"
        "    quantize:\n"
        "      method: smoothquant\n"
        "      per_token: true\n"
        "    model_loading_timeout_seconds: 1200  # what the image allows\n"
        "    # Lines that no key above stands for, or that it would write otherwise.\n"
        "    options:\n"
        "      option.dtype: null  # not in the source\n"
        "      option.max_output_len: null  # not in the source\n"
        "      option.max_rolling_batch_size: null  # not in the source\n"
        "      option.model_loading_timeout: null  # not in the source\n"
        "      option.output_formatter: null  # not in the source\n"
        "      option.rolling_batch: null  # not in the source\n"
        '      option.smoothquant_alpha: "0.80"\n'
        "      option.tensor_parallel_degree: max\n"
    )
    assert (made.spec.max_input_len, made.spec.max_output_len) == (1000, 512)


def test_what_is_meant_is_decided_though_it_is_spelt_in_another_way():
    version, flavor, instance, text = HAND_WRITTEN["asynchronous-trtllm"]
    spec = imported(text, container=version, flavor=flavor, instance=instance).spec
    assert spec.weights.dtype == "fp16"
    assert spec.settings["kv_cache_free_gpu_mem_fraction"] == 0.8


def test_weights_that_are_quantized_already_are_known_to_be_so():
    text = "option.model_id=TheBloke/Llama-2-13B-AWQ\noption.rolling_batch=vllm\n"
    spec = imported(f"{text}option.tensor_parallel_degree=1\n", container="0.32.0").spec
    assert spec.weights.quantize == "awq"
    assert "option.quantize" not in render.properties(spec)


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("", 1200), ("option.model_loading_timeout=900\n", 900),
     ("option.model_loading_timeout=7200\n", 3300)],
)  # fmt: skip
def test_the_endpoint_gets_the_time_that_the_source_or_its_image_allows(line: str, seconds: int):
    text = f"{line}option.model_id={MODEL}\noption.rolling_batch=vllm\n"
    made = imported(f"{text}option.tensor_parallel_degree=4\n")
    assert made.spec.endpoint.model_loading_timeout_seconds == seconds
    rendered = render.properties(made.spec).get("option.model_loading_timeout")
    assert rendered == (line.strip().partition("=")[2] or None)


# Environments


def test_variables_come_out_as_keys_and_those_with_another_name_are_told():
    made = imported(
        environment=f"HF_MODEL_ID={MODEL}\nOPTION_ROLLING_BATCH=vllm\nTENSOR_PARALLEL_DEGREE=max\n"
        "SERVING_JOB_QUEUE_SIZE=500\n"
    )
    assert render.properties(made.spec) == {
        "job_queue_size": "500",
        "option.model_id": MODEL,
        "option.rolling_batch": "vllm",
        "option.tensor_parallel_degree": "max",
    }
    assert made.respelt == ("HF_MODEL_ID", "TENSOR_PARALLEL_DEGREE")
    assert made.left_out == ()


def test_what_only_a_variable_can_say_is_left_out_with_the_reason():
    made = imported(
        environment=f"HF_MODEL_ID={MODEL}\nOPTION_ROLLING_BATCH=vllm\nOPTION_NOPE=1\n"
        "NCCL_DEBUG=INFO\nSERVING_MAX_REQUEST_SIZE=1000000\nOPTION_TENSOR_PARALLEL_DEGREE=1\n"
    )
    left_out = {item.name: item.reason for item in made.left_out}
    assert left_out.keys() == {"OPTION_NOPE", "NCCL_DEBUG", "SERVING_MAX_REQUEST_SIZE"}
    assert left_out["OPTION_NOPE"] == "it has no effect"
    assert "without variables" in left_out["NCCL_DEBUG"] == left_out["SERVING_MAX_REQUEST_SIZE"]


def test_a_file_and_its_environment_are_laid_over_each_other_as_the_server_does():
    made = imported(
        f"option.model_id={MODEL}\noption.rolling_batch=vllm\noption.dtype=fp16\n",
        "OPTION_TENSOR_PARALLEL_DEGREE=2\nOPTION_DTYPE=bf16\n",
    )
    rendered = render.properties(made.spec)
    assert rendered["option.tensor_parallel_degree"] == "2"
    assert rendered["option.dtype"] == "fp16"
    assert [item.name for item in made.left_out] == ["OPTION_DTYPE"]


# What is left out, and what is refused


def test_what_nothing_reads_is_left_out_and_nothing_else():
    text = f"option.model_id={MODEL}\noption.rolling_batch=vllm\noption.tensor_parallel_degree=1\n"
    made = imported(f"{text}option.tensor_paralel_degree=4\noption.max_output_len=100\n")
    assert {item.name for item in made.left_out} == {
        "option.tensor_paralel_degree",
        "option.max_output_len",
    }
    assert render.properties(made.spec) == pairs(text)
    assert {item.code for item in made.source_findings} >= {"LMI301", "LMI303"}


@pytest.mark.parametrize("name", ["option.hf_token", "HF_TOKEN", "NOTE"])
def test_a_secret_is_refused_wherever_it_would_go_and_is_not_repeated(name: str):
    secret = "hf_" + "a" * 30
    file, variables = f"option.model_id={MODEL}\n", ""
    if name.startswith("option."):
        file += f"{name}={secret}\n"
    else:
        variables = f"{name}={secret}\n"
    with pytest.raises(ProfileError) as caught:
        imported(file, variables)
    (finding,) = caught.value.findings
    assert (finding.code, finding.key) == ("LMI006", name)
    assert secret not in str(caught.value)


def test_settings_that_would_not_serve_are_refused_at_their_lines():
    with pytest.raises(ProfileError) as caught:
        imported(
            f"option.model_id={MODEL}\noption.rolling_batch=vllm\noption.dtype=fp17\n"
            "option.tensor_parallel_degree=1\n"
        )
    (finding,) = caught.value.findings
    assert finding.key == "option.dtype"
    assert str(finding.place) == "serving.properties:3"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("option.entryPoint=model.py\noption.model_id=x/y-7b\n", "model.py is a handler of your"),
        ("engine=Python\noption.rolling_batch=vllm\n", "there is no option.model_id"),
        ("option.model_id=/opt/ml/model\n", "option.model_id is /opt/ml/model"),
        ("option.model_id=s3://acme/models/mine/\n", "which model is at s3://acme/models/mine/"),
        ("option.model_id=acme/mine\n", "does not hold acme/mine"),
        ("option.model_id=acme/mine-7b\n", "cannot be told"),
        ("option.model_id=meta-llama/Llama-2-7b-hf\n", "is gated"),
        ("option.model_id=djl://ai.djl/x\n", "option.model_id is djl://ai.djl/x"),
    ],
)
def test_what_no_profile_can_say_is_refused_with_a_reason_and_a_way_out(text: str, reason: str):
    with pytest.raises(InputError, match="fix: ") as caught:
        imported(text, flavor="lmi")
    assert reason in str(caught.value)


def test_a_handler_that_profiles_cannot_choose_is_named():
    text = "option.entryPoint=djl_python.stable-diffusion\noption.model_id=acme/painter-7b\n"
    text += "option.dtype=fp16\n"
    with pytest.raises(InputError, match="served by stable-diffusion"):
        imported(text, container="0.24.0", flavor="deepspeed")


def test_a_backend_in_an_image_where_profiles_do_not_run_it_is_refused():
    text = f"engine=Python\noption.model_id={MODEL}\noption.entryPoint=djl_python.huggingface\n"
    with pytest.raises(InputError, match="served by hf-accelerate in the neuronx image"):
        imported(text, container="0.25.0", instance="ml.inf2.24xlarge")


def test_a_profile_that_the_checks_refuse_is_not_made():
    text = "option.model_id=TheBloke/Llama-2-70B-fp16\noption.rolling_batch=vllm\n"
    with pytest.raises(ProfileError) as caught:
        imported(f"{text}option.tensor_parallel_degree=1\n", instance="ml.g5.2xlarge")
    assert "LMI203" in {finding.code for finding in caught.value.findings}


@pytest.mark.parametrize(
    ("container", "instance"), [("9.9.9", "ml.g5.2xlarge"), ("0.28.0", "ml.g5.3xlarge")]
)
def test_an_unknown_version_or_machine_is_refused(container: str, instance: str):
    with pytest.raises(InputError, match="unknown"):
        imported(f"option.model_id={MODEL}\n", container=container, instance=instance)


# Which image, which model, which names


@pytest.mark.parametrize(
    ("text", "flavor"),
    [
        ("engine=MPI\noption.rolling_batch=lmi-dist\n", "deepspeed"),
        ("engine=MPI\noption.rolling_batch=trtllm\noption.max_input_len=100\n", "tensorrtllm"),
    ],
)
def test_the_image_follows_from_the_settings_where_only_one_serves_with_them(
    text: str, flavor: str
):
    text += f"option.model_id={MODEL}\noption.tensor_parallel_degree=4\n"
    assert imported(text, container="0.25.0").spec.support.flavor == flavor


def test_the_image_has_to_be_named_where_several_would_serve():
    with pytest.raises(InputError, match="--flavor, one of "):
        imported(f"option.model_id={MODEL}\noption.tensor_parallel_degree=4\n")


def test_weights_on_s3_are_told_by_the_name_of_their_folder_or_by_the_command_line():
    settings = "option.rolling_batch=vllm\noption.tensor_parallel_degree=1\n"
    named = imported(f"option.model_id=s3://acme/x/Llama-2-7B-fp16/\n{settings}").spec.weights
    assert (named.model_id, named.source) == (MODEL, "s3://acme/x/Llama-2-7B-fp16/")
    told = imported(
        f"option.model_id=s3://acme/x/mine/\n{settings}", model_id="meta-llama/Llama-2-7b-hf"
    ).spec
    assert told.weights.model_id == "meta-llama/Llama-2-7b-hf"
    assert render.properties(told)["option.model_id"] == "s3://acme/x/mine/"


def test_another_model_than_the_one_of_the_source_is_refused():
    with pytest.raises(InputError, match=f"serves {MODEL}, not acme/other"):
        imported(f"option.model_id={MODEL}\n", model_id="acme/other", flavor="lmi")


def test_the_size_of_an_unknown_model_is_estimated_with_a_remark_or_given():
    text = "option.model_id=acme/mine-7b\noption.rolling_batch=vllm\n"
    text += "option.tensor_parallel_degree=4\n"
    assert "weights_gib: 13.1  # estimated from 7b in the name" in imported(text).text
    assert "weights_gib: 20.5\n" in imported(text, weights_gib=20.5).text


def test_the_profile_is_named_after_the_model_and_the_machine_unless_it_is_told():
    text = f"option.model_id={MODEL}\noption.rolling_batch=vllm\noption.tensor_parallel_degree=4\n"
    assert imported(text).spec.title == "llama-2-7b-fp16 / g5"
    assert imported(text, name="chat", hardware="big").spec.title == "chat / big"
    with pytest.raises(ProfileError, match="LMI003"):
        imported(text, name="No Name")


@given(st.text(min_size=1, max_size=80))
def test_a_name_out_of_any_model_id_is_short_and_plain(model_id: str):
    name = slug(model_id)
    assert len(name) <= 30
    assert name == "" or (name.isascii() and not name.startswith("-") and not name.endswith("-"))


# Lengths and spelling

KEYS = {
    name: f"option.{name}" for name in ("max_tokens", "n_positions", "max_model_len", "max_seq_len")
}


@pytest.mark.parametrize(
    ("limits", "positions", "expected"),
    [
        ({}, None, (1024, 512)),
        ({}, 4096, (1024, 512)),
        ({}, 512, (384, 128)),
        ({"max_input_len": 3000}, None, (3000, 512)),
        ({"max_input_len": 3000}, 3100, (3000, 100)),
        ({"max_input_len": 512}, 512, (384, 128)),
        ({"max_output_len": 100}, 1024, (924, 100)),
        ({"max_input_len": 10, "max_output_len": 20}, 5, (10, 20)),
        ({"max_tokens": 1024}, None, (768, 256)),
        ({"n_positions": 2048}, 4096, (1536, 512)),
        ({"max_model_len": 131072}, None, (130560, 512)),
        ({"max_seq_len": 5000}, 4096, (3584, 512)),
        ({"max_model_len": 1000, "max_output_len": 300}, None, (700, 300)),
        ({"max_tokens": 1}, None, (1, 1)),
    ],
)
def test_lengths_follow_from_the_limits_of_the_source(
    limits: Mapping[str, int], positions: int | None, expected: tuple[int, int]
):
    found = lengths(limits, KEYS, positions)
    assert (found.max_input_len, found.max_output_len) == expected


@given(st.text() | st.integers().map(str) | st.floats().map(str) | st.booleans().map(str))
def test_a_typed_value_is_rendered_as_the_text_that_it_was(text: str):
    assert render.as_text(typed(text)) == text
