"""Which backend `auto` takes, and why not the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lmi_deployer import catalog
from lmi_deployer.catalog.rows import Backend
from lmi_deployer.checks import check
from lmi_deployer.findings import ProfileError
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.rules import Choice, Fit, Standing, backend
from tests.specs import make_spec

NEWEST = "container.version=0.36.0-lmi27"
AUTO = ("backend=auto", "tensor_parallel_degree=auto", "max_rolling_batch_size=auto")
LLAMA = ModelFacts(model_type="llama", architectures=("LlamaForCausalLM",))


def serious(*overrides: str) -> list[str]:
    return [item.code for item in check(make_spec(*overrides)) if item.severity == "error"]


def chosen(**fits: Fit) -> Choice[Backend]:
    """What is taken on 0.29.0 where the model fits so with trtllm, lmi_dist, vllm, scheduler."""
    container, gpu = catalog.container("0.29.0"), catalog.gpu("A10G")

    def standing(name: Backend) -> Standing:
        fit = fits.get(name.replace("-", "_"), Fit.NONE)
        return Standing(fit, "" if fit is Fit.ENOUGH else f"fit {fit}")

    choice = backend(container, gpu, LLAMA, None, standing=standing)
    assert choice is not None
    return choice


def test_a_backend_with_which_the_model_does_not_fit_gives_way_to_the_next() -> None:
    choice = chosen(lmi_dist=Fit.ENOUGH, vllm=Fit.ENOUGH)
    assert choice.value == "lmi-dist"
    against = {item.value: item.why_not for item in choice.runners_up}
    assert against["trtllm"] == "fit 0"
    assert against["vllm"] == "serves it too, after lmi-dist"


def test_a_backend_that_barely_starts_gives_way_to_one_that_is_sure_to() -> None:
    assert chosen(trtllm=Fit.BARELY, vllm=Fit.SURE).value == "vllm"
    assert chosen(trtllm=Fit.SURE, lmi_dist=Fit.SURE, vllm=Fit.ENOUGH).value == "vllm"
    assert chosen(trtllm=Fit.ENOUGH, lmi_dist=Fit.ENOUGH).value == "trtllm"


def test_among_equals_the_first_backend_stays() -> None:
    assert chosen().value == "trtllm"
    assert chosen(trtllm=Fit.BARELY, vllm=Fit.BARELY).value == "trtllm"


MISTRAL = (
    *("backend=auto", "tensor_parallel_degree=auto", "max_rolling_batch_size=auto"),
    *("container.version=0.28.0", "model.id=mistralai/Mistral-7B-Instruct-v0.2"),
)


def test_the_backend_with_the_surer_cache_is_taken_and_says_what_the_other_holds() -> None:
    spec = make_spec(*MISTRAL)
    assert spec.backend == "lmi-dist"
    against = {item.value: item.why_not for item in spec.origin["backend"].runners_up}
    assert against["trtllm"].startswith("may not start: a cache of ")
    assert make_spec(*MISTRAL, "instance_type=ml.g5.12xlarge").backend == "trtllm"


def test_requests_at_once_that_the_first_backend_does_not_hold_are_a_reason_for_another() -> None:
    crowd = (*MISTRAL, "instance_type=ml.g5.12xlarge", "max_rolling_batch_size=256")
    quiet = make_spec(*crowd, "tensor_parallel_degree=4")
    assert quiet.memory is not None
    held = quiet.memory.max_sequences
    asked = make_spec(*crowd, "tensor_parallel_degree=4", f"traffic.concurrency={held + 1}")
    assert (quiet.backend, asked.backend) == ("trtllm", "lmi-dist")
    against = {item.value: item.why_not for item in asked.origin["backend"].runners_up}
    assert against["trtllm"] == f"holds {held} of {held + 1} requests of full length"


def test_quantizing_is_not_for_what_another_backend_serves_as_it_is() -> None:
    assert make_spec(*MISTRAL, "quantize=auto").weights.quantize is None
    only = make_spec(*MISTRAL, "quantize=auto", "backend=trtllm")
    assert only.weights.quantize == "smoothquant"
    (plain, *_) = only.origin["quantize"].runners_up
    assert plain.why_not.startswith("may not start: a cache of ")


def test_an_encoder_is_not_for_vllm_whoever_asks() -> None:
    served = (*AUTO, NEWEST, "model.id=google/flan-t5-xl", "instance_type=ml.g5.12xlarge")
    assert make_spec(*served).backend == "hf-accelerate"
    assert "LMI104" in serious(*served, "backend=vllm")


def test_nobody_claims_that_a_family_is_served_that_nobody_knows() -> None:
    unheard = ModelFacts(model_type="zork", architectures=("ZorkForCausalLM",))
    choice = backend(catalog.container("0.36.0-lmi27"), catalog.gpu("A10G"), unheard, None)
    assert choice is not None
    assert "serves zork on" not in choice.reason
    assert choice.reason.endswith("whether it serves zork is not known")
    known = backend(catalog.container("0.36.0-lmi27"), catalog.gpu("A10G"), LLAMA, None)
    assert known is not None
    assert known.reason.endswith("that serves llama on A10G")


def test_memory_alone_is_no_reason_for_a_backend_without_a_rolling_batch() -> None:
    container, gpu = catalog.container("0.36.0-lmi27"), catalog.gpu("T4")
    fits = {"hf-accelerate": Fit.ENOUGH}
    choice = backend(
        container, gpu, LLAMA, None, standing=lambda name: Standing(fits.get(name, Fit.NONE))
    )
    assert choice is not None
    assert choice.value == "vllm"


def test_the_scheduler_is_not_for_models_with_an_encoder() -> None:
    with_encoder = replace(LLAMA, architectures=("PixtralForConditionalGeneration",))
    unknown = replace(with_encoder, model_type="pixtral")
    choice = backend(catalog.container("0.27.0"), catalog.gpu("A10G"), unknown, None)
    assert choice is not None
    assert choice.value == "hf-accelerate"


def test_weights_in_a_format_that_the_library_reads_by_itself_are_served_in_bf16() -> None:
    served = (*AUTO, NEWEST, "model.id=openai/gpt-oss-120b", "instance_type=ml.g6e.12xlarge")
    spec = make_spec(*served)
    assert (spec.backend, spec.weights.dtype, spec.weights.quantize) == ("vllm", "bf16", None)
    assert serious(*served) == []


def test_kernels_that_the_gpu_is_too_old_for_are_told() -> None:
    old = (*AUTO, NEWEST, "model.id=openai/gpt-oss-20b", "instance_type=ml.g4dn.12xlarge")
    with pytest.raises(ProfileError) as caught:
        make_spec(*old)
    assert "vllm: mxfp4 needs compute capability 8.0; T4 has 7.5" in str(caught.value)


def test_weights_that_need_a_word_about_their_method_are_told_which() -> None:
    awq = (*AUTO, "container.version=0.28.0", "model.id=TheBloke/Mistral-7B-v0.1-AWQ")
    with pytest.raises(ProfileError) as caught:
        make_spec(*awq)
    assert caught.value.findings[0].fix == "quantize: {method: awq}, as the weights are stored"
    assert serious(*awq, "quantize.method=awq") == []


@pytest.mark.parametrize(
    ("model", "machine", "version"),
    [
        ("facebook/opt-66b", "ml.g5.48xlarge", "0.32.0"),  # fp8 of TensorRT-LLM is for others
        ("togethercomputer/LLaMA-2-7B-32K", "ml.g5.2xlarge", "0.29.0"),  # fp8 on a GPU without it
        ("microsoft/phi-4", "ml.g4dn.12xlarge", "0.36.0-lmi19"),  # bitsandbytes by a device map
    ],
)
def test_quantization_that_is_chosen_is_one_that_backend_and_gpu_take(
    model: str, machine: str, version: str
) -> None:
    wanted = (f"model.id={model}", f"instance_type={machine}", f"container.version={version}")
    assert not {"LMI103", "LMI306"} & set(serious(*AUTO, *wanted, "quantize=auto"))


def test_plain_weights_that_a_guide_ran_are_not_quantized() -> None:
    wanted = ("container.version=0.26.0", "model.id=TheBloke/Llama-2-70B-fp16", "quantize=auto")
    spec = make_spec(*AUTO, *wanted, "instance_type=ml.p4d.24xlarge")
    assert spec.weights.quantize is None
    assert "row Llama2 70B on p4d.24xlarge" in spec.origin["quantize"].reason
