"""The shape of every catalog row: what a fact is called, its unit, and that it names its source.

The YAML files beside this module are written by people and checked against these classes when
they are compiled to JSON (`python -m lmi_deployer.catalog.build`). Only that builds pydantic's
validators, which would cost every start-up 20 ms; `typed.py` trusts what has been compiled.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Backend = Literal[
    "trtllm", "lmi-dist", "vllm", "scheduler", "deepspeed", "hf-accelerate", "neuronx"
]
Flavor = Literal["tensorrtllm", "deepspeed", "lmi", "neuronx", "fastertransformer"]
Dtype = Literal["fp32", "fp16", "bf16", "int8"]
QuantizeMethod = Literal[
    "smoothquant",
    "awq",
    "gptq",
    "dynamic_int8",
    "static_int8",
    "bitsandbytes4",
    "bitsandbytes8",
    "fp8",
]
WeightFormat = QuantizeMethod | Literal["int8", "mxfp4"]
"""Methods by which published weights may be quantized already."""
NonEmpty = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
InstanceName = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]


class Row(BaseModel):
    """One fact or group of facts that somebody can check against a page."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class SourcedRow(Row):
    """A row that says where its facts come from and when they were compared with it."""

    source: NonEmpty
    checked: date


class QuantizeSupport(Row):
    """What one backend of one container version accepts for a quantization method."""

    value: NonEmpty | None
    """What the property is set to; null where it is left out, as the weights say it themselves."""
    needs_quantized_checkpoint: bool
    """True when the weights must already be quantized by this method."""
    takes_quantized_checkpoint: bool = False
    """True when plain weights and weights quantized by this method both load."""
    dtypes: tuple[Dtype, ...] = ()
    """The dtypes that may be written beside it; empty when dtype must be left out."""
    model_types: tuple[str, ...] | None = None
    """The `model_type`s of config.json it works for; null when the library decides."""
    min_compute_capability: float | None = None


class BackendFacts(Row):
    """How a backend is chosen and what it takes."""

    flavor: Flavor
    engine: Literal["Python", "MPI", "DeepSpeed"]
    rolling_batch: str | None
    """The value of `option.rolling_batch`; null when the line is left out."""
    entry_point: str | None = None
    """The value of `option.entryPoint`; null for the handler that the server picks itself."""
    model_types: tuple[str, ...] | None
    """The `model_type`s of config.json that this backend serves; null when the library decides."""
    min_compute_capability: float | None = None
    """Oldest GPU that the backend's own kernels are for; null where the library decides."""
    dtypes: tuple[Dtype, ...]
    dtype_names: dict[Dtype, str] = {}
    """How the dtypes are spelt in the file, where that is not our own spelling."""
    quantize: dict[QuantizeMethod, QuantizeSupport] = {}
    loads_stored: dict[str, float | None] = {}
    """Methods that no setting names, of weights that load as they are stored: for each the oldest
    compute capability, or null where the library decides."""
    default_max_rolling_batch_size: int | None = None
    """Sequences in flight when the setting is left out; null without continuous batching."""
    default_max_num_tokens: int | None = None
    """Tokens of one forward pass, where the server writes them only for a batch left out too."""
    fp16_refused: tuple[str, ...] = ()
    """The `model_type`s of config.json with which the library does not start in fp16."""
    compiles_at_load: bool = False
    """True when the container builds an engine from the weights each time it starts."""
    same_value: dict[str, tuple[str, ...]] = {}
    """Our name of a setting: further properties that must be written with the same value."""


class BackendSupport(BackendFacts):
    """How one container version runs one backend."""

    source: NonEmpty
    property_names: dict[str, str]
    """Our name of a setting: the property name that this image reads, from the option catalog."""


class FlavorImage(Row):
    """One image of one container version."""

    tag: NonEmpty
    accelerator: Literal["gpu", "neuron"]
    cuda: str | None
    """CUDA version of the image ("12.2"); null on Neuron."""
    region_set: str
    """Key of `region_sets` in registries.yaml: the regions that lack the image."""
    max_compute_capability: float | None
    """Newest GPU that the image's CUDA has code for; null on Neuron."""
    inference_ami: str | None
    """`InferenceAmiVersion` whose driver fits this image; null for SageMaker's own default."""
    min_driver: int | None = None
    """Oldest NVIDIA driver, by its major number, for the image's CUDA; null on Neuron."""
    libraries: dict[str, str] = {}


class ContainerRow(SourcedRow):
    """What is one LMI container version's own: a row of containers.yaml."""

    version: NonEmpty
    lmi_generation: NonEmpty
    facts_of: NonEmpty | None = None
    """The version whose server code was read instead, where its own is not public."""
    model_loading_timeout_seconds: int
    """`MODEL_LOADING_TIMEOUT` of the image, used when the option is left out."""
    predict_timeout_seconds: int
    engine_environment: tuple[str, ...]
    """The environment variables that stand for `engine=`; `{engine}` is replaced."""
    flavors: dict[Flavor, FlavorImage]

    @property
    def is_verified(self) -> bool:
        """False when its facts were taken over from another version, without a look at its code."""
        return self.facts_of is None


class Container(ContainerRow):
    """One LMI container version: its images and what the server in it does with settings."""

    backends: dict[Backend, BackendSupport]
    """In the order in which `backend: auto` tries them."""
    options: dict[str, tuple[str, ...]]
    """Every property key the version acts on, with the readers (option_rows.Reader) that do."""


class Host(SourcedRow):
    """A machine image of SageMaker hosting: the default of some families, or one to ask for."""

    name: NonEmpty
    """`InferenceAmiVersion`, or `default-<driver>`."""
    driver: int | None
    """NVIDIA driver, by its major number; null on Neuron."""
    cuda: str | None
    """The newest CUDA that the driver runs by itself."""
    neuron_driver: str | None = None
    default_for: tuple[str, ...] = ()
    """The instance families that start with it when no `InferenceAmiVersion` is asked for."""


class Gpu(SourcedRow):
    """One accelerator. Memory is per accelerator."""

    name: NonEmpty
    vendor: Literal["nvidia", "aws"]
    architecture: NonEmpty
    compute_capability: float | None
    """NVIDIA compute capability (8.0 for A100); null on Neuron."""
    memory_gib: float
    """Nominal size, as the vendor prints it."""
    usable_memory_gib: float
    """What a process can allocate before its own context; the nominal size overstates it."""
    memory_bandwidth_gb_per_second: float
    """10**9 bytes per second."""
    neuron_cores: int | None = None
    """NeuronCores per accelerator, which tensor parallelism counts there; null on NVIDIA."""
    dense_tflops: dict[Literal["fp16", "int8", "fp8", "fp4"], float] = {}
    """Peak rate of matrix products without sparsity, 10**12 a second; bf16 counts as fp16."""
    link_gb_per_second: float | None = None
    """Between GPUs of one machine, one way and per GPU, where NVLink or NeuronLink joins them."""
    aliases: tuple[NonEmpty, ...] = ()
    """Other names that people and measurements give it."""
    is_on_sagemaker: bool = True
    """False for cards that only occur among published measurements."""


class Price(Row):
    """On-demand price of one hosting instance."""

    usd_per_hour: float
    region: NonEmpty
    as_of: date
    source: NonEmpty


class PriceList(SourcedRow):
    """On-demand prices of hosting in one region, as one source gave them on one day."""

    name: NonEmpty
    region: NonEmpty
    as_of: date
    usd_per_hour: dict[InstanceName, Annotated[float, Field(gt=0)]]


class InstanceType(SourcedRow):
    """One SageMaker instance type."""

    name: InstanceName
    family: NonEmpty
    gpu: NonEmpty
    """Key of gpus.yaml."""
    gpu_count: Annotated[int, Field(ge=1)]
    vcpu: int
    host_memory_gib: float
    local_disk_gb: float | None
    """Instance store; null where SageMaker attaches an EBS volume whose size can be set."""
    network_gbps: float | None
    """Up to this much where the size may burst; null where no page states it."""
    gpu_link: Literal["none", "pcie", "nvlink", "nvswitch", "neuronlink"]
    is_volume_size_settable: bool
    hosting: bool
    """True when CreateEndpointConfig takes the type."""
    training: bool
    """True when CreateTrainingJob takes the type."""
    optimization: bool
    """True when CreateOptimizationJob makes something for the type."""
    endpoint_quota_code: str | None = None
    cpu_architecture: Literal["x86_64", "arm64"] = "x86_64"
    """LMI images are built for x86_64 only."""

    @property
    def price(self) -> Price | None:
        """The newest price that is known of it, in whatever region; None where there is none."""
        from lmi_deployer.prices import price

        return price(self.name)


class Registry(SourcedRow):
    """The account that holds the LMI images in one region."""

    region: NonEmpty
    account: AccountId
    dns_suffix: NonEmpty


class RegionSet(SourcedRow):
    """The regions whose registry lacks an image."""

    name: NonEmpty
    missing: tuple[str, ...]


class ModelExperts(Row):
    """The feed-forward of a mixture of experts, as `model_shape.Experts`."""

    num_experts: int
    experts_per_token: int
    intermediate_size: int
    shared_intermediate_size: int = 0
    dense_layers: int = 0


class ModelLatent(Row):
    """Multi-head latent attention, as `model_shape.LatentAttention`."""

    kv_lora_rank: int
    q_lora_rank: int | None
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int


class ModelWindow(Row):
    """Layers that look back only so far, as `model_shape.SlidingWindow`."""

    tokens: int
    layers: int


class ModelPacking(Row):
    """How the weights are stored that `quantization` names, as `model_shape.StoredFormat`."""

    bits: float
    group_size: int | None = None
    has_act_order: bool = False
    covers_experts_only: bool = False
    kv_cache_dtype: Literal["fp8"] | None = None


class Model(SourcedRow):
    """Configuration facts of one published checkpoint."""

    id: NonEmpty
    model_type: NonEmpty
    architectures: tuple[str, ...]
    parameter_count: int
    """Of the language model, without a vision tower; equals what `shapes` counts."""
    checkpoint_bytes: int
    """Size of the weight files in the dtype they are published in."""
    published_dtype: Dtype | Literal["int4", "fp8", "mxfp4"] | None
    num_attention_heads: int
    num_key_value_heads: int
    num_hidden_layers: int
    """Decoder layers."""
    num_encoder_layers: int = 0
    hidden_size: int
    intermediate_size: int
    """Width of an ordinary feed-forward, and of one expert where there are only experts."""
    vocab_size: int
    """Rows of the embedding, which may be more than the tokens."""
    max_position_embeddings: int | None
    head_dim: int | None = None
    """Null where it is hidden_size / num_attention_heads."""
    has_tied_embeddings: bool
    has_gated_mlp: bool = True
    has_bias: bool | None = None
    """Whether linear layers have biases, where that differs within the family; else null."""
    experts: ModelExperts | None = None
    latent: ModelLatent | None = None
    window: ModelWindow | None = None
    vision_parameters: int = 0
    rope_factor: float = 1.0
    """What `rope_scaling` of config.json stretches the positions by, where libraries do."""
    quantization: WeightFormat | None = None
    """Method by which the published weights are quantized already."""
    packing: ModelPacking | None = None
    """Null where nothing is quantized."""
    is_gated: bool = False
    needs_remote_code: bool = False
    is_verified: bool = True
    """False when the facts were not compared with a stored config.json."""
