"""What the user writes: the schema of a model profile, before any default is chosen.

Every setting may stand in the file's `defaults`, in a hardware profile, or in a `--set`; the
classes below are therefore all-optional, and `hardware.py` lays them over one another.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from lmi_deployer.catalog.rows import Backend, QuantizeMethod
from lmi_deployer.s3 import FOLDER_FORM, S3_FOLDER, is_folder

API_VERSION = "lmi-deploy/v1"
Auto = Literal["auto"]
RESERVED_TAGS = ("aws:", "lmi-deploy:")
"""Tag keys that AWS keeps for itself, and those that find a deployment again."""


def _is_tag_text(text: str) -> str:
    """Letters and digits of any script, and some signs. Source: SageMaker API reference, Tag."""
    if not all(character.isalnum() or character in " _.:/=+-@" for character in text):
        raise ValueError("may hold letters, digits, spaces and _.:/=+-@")
    return text


def _is_free(key: str) -> str:
    if key.lower().startswith(RESERVED_TAGS):
        raise ValueError("must not start with " + " or ".join(RESERVED_TAGS))
    return key


NAME_PATTERN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
Name = Annotated[str, StringConstraints(pattern=rf"^{NAME_PATTERN}$", min_length=1, max_length=30)]
HardwareName = Annotated[
    str, StringConstraints(pattern=rf"^{NAME_PATTERN}$", min_length=1, max_length=23)
]
"""Both names, a hash and two dashes together make a name that SageMaker takes (63 characters)."""
EndpointName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", max_length=54)
]
TagText = Annotated[str, AfterValidator(_is_tag_text)]
TagKey = Annotated[
    TagText, StringConstraints(min_length=1, max_length=128), AfterValidator(_is_free)
]
TagValue = Annotated[TagText, StringConstraints(max_length=256)]
PositiveInt = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Prompt = Annotated[str, Field(min_length=1, max_length=100_000)]
OptionValue = str | int | float | bool | None
"""Of a raw key of serving.properties; null leaves the line out, whoever would write it."""


def _is_folder(uri: str) -> str:
    if not is_folder(uri):
        raise ValueError(FOLDER_FORM)
    return uri


S3Folder = Annotated[
    str, AfterValidator(_is_folder), Field(json_schema_extra={"pattern": S3_FOLDER})
]


class Section(BaseModel):
    """A part of the profile: unknown keys are refused, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ModelSection(Section):
    """Which weights to serve, and as what."""

    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Hugging Face Hub repository, such as `tiiuae/falcon-7b`."""
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Commit of the repository. Names and tags move, so only a commit is taken."""
    source: S3Folder | None = None
    """Folder on S3 that holds a copy of the weights; the container then needs no hub."""
    dtype: Literal["auto", "fp32", "fp16", "bf16", "int8"] | None = None
    trust_remote_code: bool | None = None
    """Lets the container run Python code that stands beside the weights."""
    weights_gib: Annotated[float, Field(gt=0, le=100_000)] | None = None
    """Size of the weight files; needed for a model that the catalog does not hold."""


class ContainerSection(Section):
    """Which LMI container serves it. The flavor follows from the backend."""

    version: str | None = None


class TrafficSection(Section):
    """The requests to expect; lengths in tokens."""

    max_input_len: PositiveInt | Auto | None = None
    max_output_len: PositiveInt | Auto | None = None
    concurrency: PositiveInt | None = None
    """Requests in flight at once, over all instances."""


class QuantizeSection(Section):
    """How the weights are quantized."""

    method: QuantizeMethod
    alpha: Annotated[float, Field(ge=0, le=1)] | None = None
    """SmoothQuant: share of the difficulty that moves from activations to weights."""
    per_token: bool | None = None
    """SmoothQuant: one activation scale for each token."""
    per_channel: bool | None = None
    """SmoothQuant: one weight scale for each output channel."""


class TrtllmSection(Section):
    """Settings that only TensorRT-LLM reads."""

    use_custom_all_reduce: bool | Auto | None = None
    kv_cache_free_gpu_mem_fraction: Fraction | None = None
    """Share of the GPU memory left after loading the engine that becomes KV cache."""
    batch_scheduler_policy: Literal["max_utilization", "guaranteed_no_evict"] | None = None
    tokens_per_block: PositiveInt | None = None
    max_num_sequences: PositiveInt | None = None
    enable_trt_overlap: bool | None = None
    multi_query_mode: bool | Auto | None = None
    max_num_tokens: PositiveInt | None = None
    """Tokens in one forward pass over the whole batch."""
    enable_chunked_prefill: bool | None = None


class PagedSection(Section):
    """What LMI-Dist and vLLM both read; LMI-Dist from 0.27.0 on, when it came to use vLLM."""

    max_rolling_batch_prefill_tokens: PositiveInt | None = None
    max_model_len: PositiveInt | Auto | None = None
    """Prompt and answer together; the model's own positions where the cache holds them."""
    gpu_memory_utilization: Fraction | None = None
    """Share of the GPU memory for weights, activations and KV cache together."""
    enforce_eager: bool | None = None
    """No CUDA graphs: less memory, slower."""
    enable_chunked_prefill: bool | None = None
    enable_prefix_caching: bool | None = None
    enable_lora: bool | None = None
    max_loras: PositiveInt | None = None
    max_lora_rank: PositiveInt | None = None


class LmiDistSection(PagedSection):
    """Settings that only LMI-Dist reads."""

    paged_attention: bool | None = None


class VllmSection(PagedSection):
    """Settings that only vLLM reads."""

    task: str | None = None


class DeepspeedSection(Section):
    """Settings that only DeepSpeed reads."""

    enable_cuda_graph: bool | None = None
    low_cpu_mem_usage: bool | None = None
    task: str | None = None


class HuggingFaceSection(Section):
    """Settings that only the Hugging Face handlers (`hf-accelerate`, `scheduler`) read."""

    device_map: Literal["auto", "balanced", "balanced_low_0", "sequential"] | None = None
    low_cpu_mem_usage: bool | None = None
    task: str | None = None


class NeuronxSection(Section):
    """Settings that only Transformers NeuronX reads."""

    n_positions: PositiveInt | None = None
    low_cpu_mem_usage: bool | None = None
    task: str | None = None


class InstanceCounts(Section):
    """How few and how many instances the endpoint runs."""

    min: PositiveInt
    max: PositiveInt


class VpcSection(Section):
    """The network the containers are attached to."""

    subnets: Annotated[list[str], Field(min_length=1, max_length=16)]
    security_groups: Annotated[list[str], Field(min_length=1, max_length=5)]


class EndpointSection(Section):
    """The SageMaker endpoint."""

    name: EndpointName | None = None
    """`<profile>-<hardware profile>` when left out. Nine characters are kept free for a hash."""
    mode: Literal["realtime"] | None = None
    instances: PositiveInt | InstanceCounts | None = None
    role: (
        Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None
    ) = None
    """Execution role; `--role` and LMI_DEPLOY_ROLE come first."""
    artifacts: S3Folder | None = None
    """Where rendered files go; the account's SageMaker bucket when left out."""
    packaging: Literal["prefix", "tar.gz"] | None = None
    """Loose files under an S3 prefix, or one model.tar.gz."""
    vpc: VpcSection | None = None
    tags: dict[TagKey, TagValue] | None = None


class CompileSection(Section):
    """Ahead-of-time compilation of engines and graphs."""

    mode: Literal["auto", "aot", "jit"] | None = None
    """`aot` compiles before deploying. `auto` takes an engine from the cache where there is one.
    `jit` compiles in the container, at every start."""
    runner: Literal["sagemaker", "optimization", "docker", "native", "auto"] | None = None
    """A SageMaker training job; SageMaker's own optimization job; Docker or tensorrt-llm here."""
    cache: S3Folder | None = None
    """Where compiled engines are kept; `engines/` below the artifacts when left out."""
    instance_type: Annotated[str, StringConstraints(pattern=r"^ml\.")] | Auto | None = None
    """The machine to compile on, with GPUs like those that serve; the profile's own if left out."""
    spot: bool | None = None
    """Cheaper, and interrupted when SageMaker needs the machine; training jobs only."""
    max_seconds: Annotated[int, Field(ge=600, le=2_419_200)] | Auto | None = None
    """When the job is stopped; SageMaker's own limit is 28 days."""


class QualitySection(Section):
    """A gate for what compiling and quantizing do to the answers."""

    prompts: Annotated[list[Prompt], Field(min_length=1, max_length=200)] | None = None
    reference: list[str] | None = None
    """One answer for each prompt; when left out, the weights as stored are asked in the job."""
    max_new_tokens: Annotated[int, Field(ge=1, le=1024)] | None = None
    minimum_agreement: Fraction | None = None
    """Mean share of the reference's tokens before the first difference."""


class Settings(Section):
    """Everything that `defaults`, a hardware profile or `--set` may decide."""

    model: ModelSection | None = None
    container: ContainerSection | None = None
    traffic: TrafficSection | None = None
    instance_type: Annotated[str, StringConstraints(pattern=r"^ml\.")] | None = None
    backend: Backend | Auto | None = None
    tensor_parallel_degree: PositiveInt | Auto | None = None
    max_rolling_batch_size: PositiveInt | Auto | None = None
    quantize: Literal["none", "auto"] | QuantizeSection | None = None
    """`auto` quantizes only where plain weights do not fit."""
    output_formatter: Literal["json", "jsonlines"] | None = None
    model_loading_timeout_seconds: Annotated[int, Field(ge=60, le=3300)] | Auto | None = None
    predict_timeout_seconds: PositiveInt | Auto | None = None
    """Of one request; `auto` goes by the longest answer, where its speed can be estimated."""
    trtllm: TrtllmSection | None = None
    lmi_dist: LmiDistSection | None = None
    vllm: VllmSection | None = None
    deepspeed: DeepspeedSection | None = None
    huggingface: HuggingFaceSection | None = None
    neuronx: NeuronxSection | None = None
    endpoint: EndpointSection | None = None
    compile: CompileSection | None = None
    quality: QualitySection | None = None
    options: dict[str, OptionValue] | None = None
    """Raw serving.properties keys, laid over the lines that other settings come to."""


class HardwareProfile(Settings):
    """One named machine to serve the model on."""

    extends: HardwareName | None = None
    """Hardware profile of this file that this one starts from."""


class ModelProfile(Section):
    """One model, and the machines it may be served on."""

    apiVersion: Literal["lmi-deploy/v1"]  # noqa: N815 - the spelling Kubernetes made customary
    kind: Literal["ModelProfile"]
    name: Name
    description: str | None = None
    model: ModelSection
    container: ContainerSection
    traffic: TrafficSection
    defaults: Settings = Settings()
    profiles: Annotated[dict[HardwareName, HardwareProfile], Field(min_length=1)]
    options: dict[str, OptionValue] | None = None


LATER: dict[str, str] = {
    "budget": "a cost limit",
    "autoscaling": "autoscaling",
    "schedule": "schedules",
    "slo": "a service-level gate",
    "hf_token": "a Hugging Face token at run time; point model.source at a copy on S3 instead",
    "network_isolation": "network isolation",
    "output": "asynchronous endpoints",
    "notifications": "asynchronous endpoints",
    "hardware": "a fallback list of instance types",
}
"""Keys of later versions, refused by name until the behaviour behind them exists."""


def json_schema() -> dict[str, Any]:
    """JSON Schema of the profile file, for editors."""
    schema = ModelProfile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lmi-deploy model profile",
        **{key: value for key, value in schema.items() if key != "title"},
    }
