"""What lint says of hand-written files: one test for each way in which a file can be wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding
from lmi_deployer.lint import Linted, lint, make_target
from lmi_deployer.model_facts import ModelFacts, from_config
from lmi_deployer.settings import rules, unasked
from lmi_deployer.written import holds_environment, make_written

VLLM = """\
engine=Python
option.rolling_batch=vllm
option.tensor_parallel_degree=1
"""
LMI_DIST = "engine=MPI\noption.rolling_batch=lmi-dist\noption.model_id=acme/chat\n"
TRTLLM = "engine=MPI\noption.rolling_batch=trtllm\noption.model_id=acme/chat\n"
LLAMA = ModelFacts(
    model_type="llama",
    architectures=("LlamaForCausalLM",),
    num_attention_heads=32,
    num_key_value_heads=8,
    max_position_embeddings=4096,
    has_quantization_known=True,
    needs_remote_code=False,
)


def linted(
    properties: str | bytes = "",
    environment: str = "",
    *,
    version: str = "0.25.0",
    flavor: str = "deepspeed",
    instance: str | None = None,
    model: ModelFacts | None = None,
) -> Linted:
    target = make_target(version, flavor, instance, model)
    data = properties if isinstance(properties, bytes) else properties.encode()
    written = make_written(
        "serving.properties", target.facts, properties=data, environment=environment.encode()
    )
    return lint(written, target)


def find(result: Linted, code: str) -> Finding:
    found = [finding for finding in result.findings if finding.code == code]
    assert len(found) == 1, [str(finding) for finding in result.findings]
    return found[0]


def codes(result: Linted) -> list[str]:
    return [finding.code for finding in result.findings]


def test_a_good_file_has_nothing_and_all_of_it_takes_effect():
    result = linted(VLLM + "option.model_id=TheBloke/Llama-2-7B-fp16\n")
    assert codes(result) == ["LMI403"]  # without an instance type
    assert result.handler == "vllm"
    assert result.effective["option.tensor_parallel_degree"] == "1"


def test_a_misspelt_key_is_lmi301_with_the_nearest_and_its_line():
    finding = find(linted(VLLM + "option.dtyp=fp16\n"), "LMI301")
    assert (finding.severity, finding.key, finding.place.line) == ("error", "option.dtyp", 4)
    assert finding.fix == "did you mean option.dtype?"


def test_a_key_of_another_backend_is_lmi303():
    finding = find(linted(VLLM + "option.paged_attention=true\n"), "LMI303")
    assert finding.problem == "is read by lmi-dist on LMI 0.25.0; vllm ignores it"


def test_a_key_that_validates_and_does_nothing_is_a_warning():
    finding = find(linted(VLLM + "option.low_cpu_mem_usage=true\n"), "LMI303")
    assert finding.severity == "warning"


def test_settings_that_stop_the_load_together_are_lmi306():
    text = "engine=Python\noption.model_id=acme/chat\nbatch_size=4\noption.enable_streaming=true\n"
    assert find(linted(text), "LMI306").severity == "error"


def test_smoothquant_in_bf16_is_lmi103():
    text = "engine=DeepSpeed\noption.model_id=acme/chat\noption.quantize=smoothquant\n"
    finding = find(linted(f"{text}option.dtype=bf16\n"), "LMI103")
    assert finding.severity == "error"


def test_a_method_that_the_checkpoint_does_not_have_is_lmi103_even_where_it_is_best_left_out():
    text = VLLM + "option.model_id=TheBloke/Llama-2-13B-AWQ\noption.quantize=gptq\n"
    assert find(linted(text, version="0.30.0", flavor="lmi"), "LMI103").severity == "error"


def test_quantized_weights_cannot_be_converted_to_an_engine():
    gptq = ModelFacts(model_type="llama", quantization="gptq", has_quantization_known=True)
    finding = find(linted(TRTLLM, flavor="tensorrtllm", model=gptq), "LMI103")
    assert (finding.severity, finding.key) == ("error", "option.model_id")


def test_a_setting_that_another_makes_idle_is_lmi307():
    text = "engine=DeepSpeed\noption.model_id=acme/chat\noption.smoothquant_alpha=0.5\n"
    assert "LMI307" in codes(linted(text))


def test_a_value_that_the_server_replaces_is_lmi308_and_names_the_replacement():
    result = linted(VLLM + "option.parallel_loading=yes\n")
    finding = find(result, "LMI308")
    assert "the server uses false instead" in finding.problem
    assert result.effective["option.parallel_loading"] == "false"


@pytest.mark.parametrize(
    "line", ["option.dtype=fp17", "option.trust_remote_code=maybe", "batch_size=many"]
)
def test_a_value_that_the_server_refuses_is_lmi309(line):
    finding = find(linted(f"{VLLM}{line}\n"), "LMI309")
    assert (finding.severity, finding.key) == ("error", line.partition("=")[0])


def test_a_number_beyond_its_range_that_nothing_checks_is_the_warning_lmi310():
    finding = find(linted(VLLM + "option.max_rolling_batch_size=0\n"), "LMI310")
    assert finding.severity == "warning"
    assert "a whole number from 1" in str(finding.fix)


def test_a_deprecated_key_is_the_warning_lmi311():
    text = "engine=Python\noption.model_id=acme/chat\noption.load_in_8bit=false\n"
    assert find(linted(text), "LMI311").severity == "warning"


def test_a_key_that_was_renamed_is_lmi312_with_the_new_name():
    finding = find(linted("log_model_metric=true\n", version="0.33.0", flavor="lmi"), "LMI312")
    assert "log_request_metric" in str(finding.fix)


def test_a_gated_model_is_lmi402_unless_the_environment_brings_a_token():
    gated = VLLM + "option.model_id=meta-llama/Llama-2-7b-hf\n"
    assert find(linted(gated), "LMI402").severity == "warning"
    assert "LMI402" not in codes(linted(gated, "HF_TOKEN=hf_x\n"))
    assert "LMI402" in codes(linted(gated, "HF_TOKEN=\n"))


def test_a_variable_that_nothing_reads_yet_is_lmi313():
    finding = find(linted(VLLM, "OPTION_JOB_QUEUE_SIZE=9\n"), "LMI313")
    assert (finding.severity, finding.key) == ("error", "OPTION_JOB_QUEUE_SIZE")
    assert "SERVING_JOB_QUEUE_SIZE" in str(finding.fix)


def test_a_variable_that_the_file_overrides_is_lmi314_and_the_file_holds():
    result = linted(VLLM + "option.dtype=fp16\n", "OPTION_DTYPE=bf16\n")
    assert find(result, "LMI314").key == "OPTION_DTYPE"
    assert result.effective["option.dtype"] == "fp16"


def test_a_key_that_stands_twice_is_lmi314_at_the_line_that_is_lost():
    finding = find(linted(VLLM + "option.dtype=fp16\noption.dtype=bf16\n"), "LMI314")
    assert (finding.place.line, finding.severity) == (4, "warning")


def test_bytes_that_the_server_cannot_read_are_lmi315():
    assert find(linted(b"option.model_id=caf\xe9\n"), "LMI315").severity == "error"
    assert find(linted(rb"option.model_id=\u12" + b"\n"), "LMI315").severity == "error"


def test_what_the_compile_script_reads_otherwise_is_lmi304_on_its_image_alone():
    spaced = TRTLLM + "option.dtype = fp16\n"
    assert find(linted(spaced, flavor="tensorrtllm"), "LMI304").place.line == 4
    assert "LMI304" not in codes(linted(VLLM + "option.dtype = fp16\n"))


def test_an_engine_that_does_not_go_with_the_backend_is_lmi316():
    finding = find(linted(VLLM.replace("Python", "MPI")), "LMI316")
    assert finding.fix == "engine=Python"


def test_a_backend_that_another_image_holds_is_lmi316():
    finding = find(linted(VLLM, flavor="tensorrtllm"), "LMI316")
    assert "the tensorrtllm image of LMI 0.25.0 does not hold" in finding.problem


def test_a_choice_that_depends_on_an_unknown_model_is_lmi317():
    text = "engine=MPI\noption.rolling_batch=auto\noption.model_id=acme/chat\n"
    assert "LMI317" in codes(linted(text))
    assert "LMI317" not in codes(linted(text, model=LLAMA))


def test_without_a_model_id_a_file_is_judged_as_for_a_handler_of_lmi():
    result = linted(VLLM + "option.dtype=fp17\n")
    assert find(result, "LMI317").severity == "note"
    assert find(result, "LMI309").key == "option.dtype"


def test_a_key_without_its_prefix_is_lmi318():
    finding = find(linted(VLLM + "dtype=fp16\n"), "LMI318")
    assert (finding.severity, finding.fix) == ("note", "write option.dtype")
    finding = find(linted(VLLM + "option.job_queue_size=100\n"), "LMI318")
    assert (finding.severity, finding.fix) == ("error", "write job_queue_size")


def test_an_image_that_is_too_new_for_the_hosts_driver_is_lmi211():
    text = "option.model_id=acme/chat\n"
    result = linted(text, version="0.36.0-lmi27", flavor="lmi", instance="ml.g5.12xlarge")
    finding = find(result, "LMI211")
    assert (finding.severity, "580" in finding.problem) == ("warning", True)


def test_custom_all_reduce_without_nvlink_is_lmi206():
    text = TRTLLM + "option.use_custom_all_reduce=true\n"
    result = linted(text, flavor="tensorrtllm", instance="ml.g5.12xlarge")
    assert "LMI206" in codes(result)
    without = linted(text, flavor="tensorrtllm")
    assert "LMI206" not in codes(without)
    assert any("instance.gpu_link" in item.problem for item in without.findings)


@pytest.mark.parametrize(("degree", "code"), [("8", "LMI201"), ("3", "LMI201"), ("2", "LMI207")])
def test_the_degree_is_checked_against_the_instance(degree, code):
    text = VLLM.replace("degree=1", f"degree={degree}")
    assert code in codes(linted(text, instance="ml.g5.12xlarge"))


def test_the_degree_is_checked_against_attention_and_kv_heads():
    text = LMI_DIST + "option.tensor_parallel_degree="
    assert "LMI202" in codes(linted(f"{text}3\n", model=LLAMA))
    odd = ModelFacts(model_type="llama", num_attention_heads=48, num_key_value_heads=3)
    assert "LMI202" in codes(linted(f"{text}4\n", model=odd))
    assert "LMI202" not in codes(linted(f"{text}6\n", model=odd))


def test_lengths_are_checked_against_the_models_positions():
    text = TRTLLM + "option.max_input_len=4000\noption.max_output_len=500\n"
    assert "LMI401" in codes(linted(text, flavor="tensorrtllm", model=LLAMA))


def test_a_secret_is_an_error_and_is_not_repeated():
    token = "hf_" + "a" * 34
    result = linted(VLLM, f"HF_TOKEN={token}\nOPTION_MODEL_ID={token}\n", version="0.27.0")
    assert "LMI006" in codes(result)
    assert not any(token in str(finding) for finding in result.findings)


def test_a_custom_handler_may_read_keys_of_its_own():
    result = linted("engine=Python\noption.entryPoint=model.py\noption.my_own=1\n")
    assert result.handler == "custom"
    assert "model" not in find(result, "LMI403").problem


def test_rules_that_lack_a_fact_are_named_once_with_the_option_that_gives_it():
    text = VLLM + "option.model_id=acme/chat\n"
    nothing = find(linted(text), "LMI403")
    assert (nothing.severity, nothing.place.file) == ("note", "serving.properties")
    assert "LMI202" in nothing.problem
    assert "LMI205" in nothing.problem
    assert "--model-facts" in str(nothing.fix)
    assert "--instance" in str(nothing.fix)
    of_the_model = find(linted(text, model=LLAMA), "LMI403")
    assert "LMI202" not in of_the_model.problem
    everything = linted(text, model=LLAMA, instance="ml.g5.2xlarge")
    assert "LMI403" not in codes(everything)


def test_facts_of_a_model_that_cannot_be_used_are_named():
    facts = from_config({"model_type": "llama", "num_attention_heads": "32"})
    found = find(linted(VLLM, model=facts, instance="ml.g5.2xlarge"), "LMI403")
    assert "LMI202" in found.problem
    assert "num_attention_heads" in found.problem
    assert "model_type" not in found.problem


def test_every_rule_that_needs_a_model_or_a_machine_is_among_those_that_are_named():
    named = {*unasked.OF_THE_MODEL, *unasked.OF_THE_MACHINE}
    for rule in (*rules.OF_THE_MODEL, *rules.OF_THE_MACHINE):
        said = str(rule.__doc__).partition(":")[0]
        assert set(re.findall(r"LMI\d+", said)) <= named, rule


@pytest.mark.parametrize("name", ["ROLLING_BATCH", "MAX_ROLLING_BATCH_SIZE"])
def test_an_option_among_the_variables_needs_its_prefix(name):
    found = find(linted(environment=f"{name}=1\nOPTION_ENGINE=Python\n"), "LMI313")
    assert (found.severity, found.key, found.fix) == ("warning", name, f"set OPTION_{name}")


def test_a_variable_of_one_word_may_be_the_users_own():
    assert "LMI313" not in codes(linted(environment="DEVICE=1\nOPTION_ENGINE=Python\n"))


def test_the_flavor_may_be_left_out_where_there_is_one_image():
    assert make_target("0.36.0-lmi27", None).flavor == "lmi"
    with pytest.raises(InputError, match="several images"):
        make_target("0.25.0", None)
    with pytest.raises(InputError, match="no image 'lmi'"):
        make_target("0.25.0", "lmi")


@pytest.mark.parametrize(
    ("name", "data", "is_environment"),
    [
        ("serving.properties", b"A=1\n", False),
        ("prod.env", b"option.dtype=fp16\n", True),
        ("settings", b"# x\nOPTION_DTYPE=fp16\n", True),
        ("settings", b"option.dtype=fp16\nA=1\n", False),
        ("-", b'{"OPTION_DTYPE": "fp16"}', True),
        ("-", b"", False),
    ],
)
def test_a_file_of_variables_is_known_by_its_name_or_its_lines(name, data, is_environment):
    assert holds_environment(name, data) is is_environment


@settings(max_examples=100)
@given(data=st.binary(max_size=200), environment=st.binary(max_size=100))
def test_any_bytes_at_all_get_a_verdict(data, environment):
    target = make_target("0.25.0", "deepspeed")
    written = make_written("f", target.facts, properties=data, environment=environment)
    for finding in lint(written, target).findings:
        assert str(finding)
