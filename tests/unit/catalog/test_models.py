"""Model rows are arithmetic over a few numbers, so most mistakes show as a contradiction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lmi_deployer import catalog, shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmi_deployer.catalog.rows import Model
    from lmi_deployer.model_shape import StoredFormat

DTYPE_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2}
FILES_WITH_A_HEAD = {"tiiuae/falcon-7b", "tiiuae/falcon-7b-instruct"}
"""Their files hold a copy of the embedding as lm_head, which engines tie."""
PROFILE_MODELS = (
    "TheBloke/Llama-2-7B-fp16",
    "TheBloke/Llama-2-13B-fp16",
    "TheBloke/Llama-2-70B-fp16",
    "TheBloke/Llama-2-13B-GPTQ",
    "TheBloke/Llama-2-70B-GPTQ",
    "TheBloke/Llama-2-7B-AWQ",
    "TheBloke/Llama-2-13B-AWQ",
    "TheBloke/Llama-2-70B-AWQ",
    "TheBloke/CodeLlama-34B-fp16",
    "codellama/CodeLlama-34b-hf",
    "tiiuae/falcon-7b",
    "tiiuae/falcon-40b",
    "EleutherAI/gpt-j-6b",
    "EleutherAI/gpt-neox-20b",
    "mistralai/Mistral-7B-v0.1",
    "TheBloke/Mistral-7B-v0.1-AWQ",
    "google/flan-t5-xxl",
)


def known(name: str) -> Model:
    model = catalog.find_model(name)
    assert model is not None
    return model


@pytest.mark.parametrize("name", PROFILE_MODELS)
def test_the_models_of_the_ready_profiles_are_in_the_catalog(name: str) -> None:
    assert known(name).parameter_count > 0


def models_where(is_wrong: Callable[[Model], bool]) -> list[str]:
    """Every row that is wrong, of all: one item for each of them would be thousands of tests."""
    return [name for name in catalog.names("models") if is_wrong(known(name))]


def test_query_heads_share_key_value_heads_evenly() -> None:
    assert not models_where(lambda model: model.num_attention_heads % model.num_key_value_heads > 0)
    assert not models_where(
        lambda model: model.head_dim is None and model.hidden_size % model.num_attention_heads > 0
    )


def test_the_weight_files_hold_every_parameter_in_the_published_dtype() -> None:
    assert not models_where(
        lambda model: model.checkpoint_bytes != pytest.approx(expected_bytes(model), rel=0.002)
    )


def expected_bytes(model: Model) -> float:
    """Of the weight files, by the shape; the order of columns of GPTQ is within a thousandth."""
    shape = shapes.from_catalog(model)
    parts = shapes.matrices(shape)
    stored = shape.stored
    if stored is None:
        assert model.published_dtype is not None
        expected: float = parts.total * DTYPE_BYTES[model.published_dtype]
        if model.id in FILES_WITH_A_HEAD:
            expected += parts.input_embedding * DTYPE_BYTES[model.published_dtype]
        return expected
    covered = parts.expert if stored.covers_experts_only else parts.layers
    return covered * bytes_per_weight(stored) + 2 * (parts.total - covered)


def bytes_per_weight(stored: StoredFormat) -> float:
    """A weight with its share of scales, of 16 bits, and of zero points, of as many as it has."""
    group = stored.group_size
    match stored.method:
        case "gptq" | "awq":
            return (stored.bits + (0 if group is None else (16 + stored.bits) / group)) / 8
        case "bitsandbytes4":  # an 8-bit maximum for 64 weights, 32 bits for 256 of those
            return stored.bits / 8 + 1 / 64 + 4 / (64 * 256)
        case "mxfp4":
            return stored.bits / 8 + 1 / 32
        case _:
            return stored.bits / 8 + (0 if group is None else 4 / group)


def test_a_quantized_checkpoint_says_how_and_another_does_not() -> None:
    def is_wrong(model: Model) -> bool:
        is_quantized = model.published_dtype not in ("fp32", "fp16", "bf16")
        return {model.quantization is not None, model.packing is not None} != {is_quantized}

    assert not models_where(is_wrong)


def test_a_model_whose_licence_must_be_accepted_is_gated() -> None:
    asked = ("meta-llama/", "google/gemma")
    assert not models_where(lambda model: model.id.startswith(asked) and not model.is_gated)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # As the Hub counts the weight files of the repository.
        ("Qwen/Qwen1.5-72B-Chat", 72_287_920_128),
        ("Qwen/Qwen2.5-72B-Instruct-AWQ", 72_957_861_888),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", 235_093_634_560),
        ("mistralai/Mixtral-8x22B-Instruct-v0.1", 140_630_071_296),
        ("deepseek-ai/DeepSeek-V2.5", 235_741_434_880),
        ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", 401_583_781_376),
        ("hugging-quants/Meta-Llama-3.1-405B-Instruct-AWQ-INT4", 410_081_247_232),
        ("CohereLabs/c4ai-command-r-v01", 34_980_831_232),
        ("ibm-granite/granite-3.3-8b-instruct", 8_170_864_640),
        ("bigscience/bloomz-3b", 3_002_557_440),
        ("tiiuae/Falcon3-10B-Instruct", 10_305_653_760),
        ("zai-org/GLM-4-32B-0414", 32_566_081_536),
    ],
)
def test_a_row_comes_to_what_the_hub_counts(name: str, parameters: int) -> None:
    model = known(name)
    assert model.parameter_count + model.vision_parameters == parameters


def test_one_model_is_read_without_those_of_other_publishers() -> None:
    catalog.find_model.cache_clear()
    catalog._compiled.cache_clear()
    assert known("mosaicml/mpt-7b").id == "mosaicml/mpt-7b"
    assert catalog._compiled.cache_info().currsize == 2  # the index, and the file of mosaicml


def test_all_rows_are_those_that_are_found_one_by_one() -> None:
    rows = catalog.raw_rows("models")
    assert tuple(rows) == catalog.names("models")
    assert all(catalog.raw_model(name) == row for name, row in rows.items())


@pytest.mark.parametrize("name", ["meta-llama/llama-2-70B-HF", "META-LLAMA/LLAMA-2-70B-HF"])
def test_large_and_small_letters_are_one_as_on_the_hub(name: str) -> None:
    assert known(name).id == "meta-llama/Llama-2-70b-hf"


def test_no_two_rows_are_one_repository_of_the_hub() -> None:
    names = catalog.names("models")
    assert len({name.casefold() for name in names}) == len(names)


def test_a_gptq_checkpoint_may_have_no_groups_and_an_order_of_columns() -> None:
    stored = shapes.from_catalog(known("TheBloke/Llama-2-70B-GPTQ")).stored
    assert stored is not None
    assert (stored.group_size, stored.has_act_order) == (None, True)


@pytest.mark.parametrize(
    "name", ["mosaicml/mpt-8b", "mpt-7b", "", "../gpus", "../containers/index"]
)
def test_a_model_that_is_no_row_is_not_found(name: str) -> None:
    assert catalog.find_model(name) is None
    assert catalog.raw_model(name) is None
