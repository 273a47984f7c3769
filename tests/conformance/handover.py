"""What the Java part of the server hands to its Python handler, given serving.properties.

Read off ModelInfo.java, LmiConfigRecommender.java, PyModel.java and Connection.java of each
version, for a Llama model whose config.json the server finds, on one machine, with no environment
variables set but those of the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from tests.conformance.java import (
    BeyondTheOracleError,
    RejectedByServerError,
    java_bool,
    java_int,
)
from tests.conformance.server_table import BackendRow, Table

Value: TypeAlias = str | int

MODEL_DIR = "/opt/ml/model"


ENTRY_POINTS = {
    "djl_python.deepspeed": "deepspeed",
    "djl_python.huggingface": "huggingface",
    "djl_python.lmi_trtllm.trtllm_async_service": "trtllm_async",
    "djl_python.lmi_vllm.vllm_async_service": "vllm_async",
    "djl_python.tensorrt_llm": "trtllm",
    "djl_python.transformers_neuronx": "neuronx",
}
OTHER_ENGINES = frozenset({"OnnxRuntime", "PyTorch", "Rust"})


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """Settings as the Python handler gets them, and the devices that its process sees."""

    properties: dict[str, Value]
    handler: str
    """A method of inside.handlers.Handlers."""
    gpus: int
    environment: dict[str, str] = field(default_factory=dict)


def hand_over(
    table: Table, version: str, row: BackendRow, properties: dict[str, str], devices: int
) -> HandOver:
    """What the handler of `row` gets; `devices` counts GPUs, or NeuronCores for `neuronx`.

    Raises RejectedByServerError when the Java part fails before Python starts, and
    BeyondTheOracleError when it starts something that cannot be judged here.
    """
    server = _Server(table, version, row.flavor, dict(properties), devices)
    server.configure()
    handed = server.start()
    if handed.handler.startswith("trtllm") and row.flavor != "tensorrtllm":
        raise RejectedByServerError("ModuleNotFoundError: No module named 'tensorrt_llm_toolkit'")
    if handed.handler != row.handler and row.flavor in {"neuronx", "tensorrtllm"}:
        raise BeyondTheOracleError(handed.handler)
    return handed


class _Server:
    def __init__(
        self, table: Table, version: str, flavor: str, properties: dict[str, str], devices: int
    ) -> None:
        self.table, self.version, self.properties = table, version, properties
        self.is_neuron = flavor == "neuronx"
        self.features = table.features_of(version, flavor)
        self.devices = devices
        self.gpus = 0 if self.is_neuron else devices

    def since(self, version: str) -> bool:
        return self.table.at_least(self.version, version)

    def get(self, key: str, default: str) -> str:
        return self.properties.get(key, default)

    def configure(self) -> None:
        """ModelInfo.java: fill in what is not set, then read the settings of the server itself."""
        if self.since("0.28.0"):
            self._recommend()
        java_int(self.get("batch_size", "1"), "batch_size")
        engine = self._engine()
        if self.since("0.26.0") and engine in {"MPI", "DeepSpeed"}:
            self.properties["option.mpi_mode"] = "true"
        rolling_batch = self.get("option.rolling_batch", "auto")
        is_trtllm = "trtllm" in self.features and rolling_batch in {"auto", "trtllm"}
        if is_trtllm and not self.since("0.28.0"):
            self.properties["option.rolling_batch"] = "trtllm"
        if self.version == "0.27.0" and self.get("option.rolling_batch", "disable") != "disable":
            self._set_rolling_batch_size()

    def _engine(self) -> str:
        engine = self.get("engine", "Python")
        if engine in OTHER_ENGINES:
            raise BeyondTheOracleError(engine)
        known = {"Python", "MPI"} | (set() if self.since("0.28.0") else {"DeepSpeed"})
        if engine not in known:
            raise RejectedByServerError(
                f"EngineException: Deep learning engine not found: {engine}"
            )
        return engine

    def _recommend(self) -> None:
        """LmiConfigRecommender.java; the sizes that it guesses for Neuron are left out."""
        self._set_rolling_batch()
        rolling_batch = self.properties["option.rolling_batch"]
        mpi = {"trtllm"} if self.since("0.33.0") else {"trtllm", "lmi-dist"}
        if rolling_batch in mpi:
            self.properties["option.mpi_mode"] = "true"
        if self.since("0.29.0"):
            self.properties.setdefault("option.pipeline_parallel_degree", "1")
        if "option.tensor_parallel_degree" not in self.properties:
            self._set_tensor_parallel_degree()
        self._set_rolling_batch_size()

    def _set_rolling_batch(self) -> None:
        if java_int(self.get("batch_size", "1"), "batch_size") > 1:
            self.properties["option.rolling_batch"] = "disable"
            return
        is_tnx = "tnx" in self.features
        default = "disable" if is_tnx and not self.since("0.30.0") else "auto"
        rolling_batch = self.get("option.rolling_batch", default)
        if rolling_batch == "lmi-dist" and self.since("0.33.0"):
            rolling_batch = "vllm"
            self.properties["option.mpi_mode"] = "false"
        elif rolling_batch == "auto":
            rolling_batch = self._rolling_batch_of_features()
        self.properties["option.rolling_batch"] = rolling_batch

    def _rolling_batch_of_features(self) -> str:
        if self.since("0.35.0"):
            self.properties["option.async_mode"] = "true"
            return "disable"
        if "tnx" in self.features:
            size = self.get("option.max_rolling_batch_size", "1")
            is_large = self.since("0.30.0") and java_int(size, "max_rolling_batch_size") >= 12
            return "vllm" if is_large else "tnx"
        for feature in ("lmi-dist", "vllm"):
            if feature in self.features:
                return feature
        return "disable" if self.version == "0.33.0" else "trtllm"

    def _set_tensor_parallel_degree(self) -> None:
        pipeline = 1
        if self.since("0.30.0"):
            key = "option.pipeline_parallel_degree"
            pipeline = java_int(self.properties[key], key)
        if pipeline == 0 and self.gpus:
            raise RejectedByServerError("ArithmeticException: / by zero")
        if self.gpus or not self.since("0.29.0"):
            degree = abs(self.gpus) // abs(pipeline) * (1 if pipeline > 0 else -1)
            self.properties["option.tensor_parallel_degree"] = str(degree)
        elif self.is_neuron and self.since("0.30.0"):
            self.properties["option.tensor_parallel_degree"] = str(self.devices)

    def _set_rolling_batch_size(self) -> None:
        if "option.max_rolling_batch_size" in self.properties:
            return
        rolling_batch = self.properties["option.rolling_batch"]
        size = 256 if rolling_batch in {"vllm", "lmi-dist"} else 32
        if rolling_batch == "trtllm":
            has_tokens = "option.max_num_tokens" in self.properties
            if self.since("0.28.0"):
                self.properties.setdefault("option.max_num_tokens", "16384")
                size = 256
            elif has_tokens:
                size = 256
        self.properties["option.max_rolling_batch_size"] = str(size)

    def start(self) -> HandOver:
        """PyModel.java and Connection.java: choose devices and start the Python process."""
        handed: dict[str, Value] = {
            key: value for key, value in self.properties.items() if not key.startswith("option.")
        }
        options = {
            key.removeprefix("option."): value
            for key, value in self.properties.items()
            if key.startswith("option.")
        }
        options.pop("env", None)
        handed |= options
        is_mpi = self.get("engine", "Python") in {"MPI", "DeepSpeed"}
        if "mpi_mode" in options:
            is_mpi = java_bool(options["mpi_mode"])
        tensor, pipeline = self._degrees(options)
        rolling_batch = options.get("rolling_batch", None if self.since("0.27.0") else "disable")
        if "rolling_batch" in options and (
            not self.since("0.27.0") or rolling_batch not in {None, "disable"}
        ):
            java_int(str(handed.get("max_rolling_batch_size", "32")), "max_rolling_batch_size")
        handed["model_dir"] = MODEL_DIR
        handler = self._handler(options, tensor)
        if is_mpi:
            return self._start_mpi(handler, handed, tensor, pipeline)
        return self._start_python(handler, handed, tensor, pipeline)

    def _handler(self, options: dict[str, str], tensor: int) -> str:
        """PyModel.java: the handler of the entry point, or the one recommended without it."""
        if "entryPoint" in options:
            return ENTRY_POINTS[options["entryPoint"]]
        if self.get("engine", "Python") == "DeepSpeed":
            return "deepspeed"
        if self.is_neuron and tensor > 0:
            return "neuronx"
        by_rolling_batch = not self.since("0.27.0")
        is_trtllm = options.get("rolling_batch") == "trtllm" if by_rolling_batch else False
        if is_trtllm or (not by_rolling_batch and "trtllm" in self.features):
            return "trtllm_async" if self.version == "0.33.0" else "trtllm"
        is_async = self.version == "0.33.0" or (
            self.since("0.35.0") and java_bool(options.get("async_mode"))
        )
        return "vllm_async" if is_async and "vllm" in self.features else "huggingface"

    def _degrees(self, options: dict[str, str]) -> tuple[int, int]:
        pipeline = 1
        if self.since("0.29.0"):
            degree = options.get("pipeline_parallel_degree", "1")
            pipeline = java_int(degree, "pipeline_parallel_degree") or 1
        text = options.get("tensor_parallel_degree", "0")
        if text != "max":
            return java_int(text, "tensor_parallel_degree"), pipeline
        return self.devices // (pipeline if self.since("0.30.0") else 1), pipeline

    def _start_mpi(
        self, handler: str, handed: dict[str, Value], tensor: int, pipeline: int
    ) -> HandOver:
        if tensor == 0:
            tensor = self.devices // (pipeline if self.since("0.30.0") else 1)
        world = tensor * pipeline
        if world == 0 or int(self.gpus / world) <= 0:
            raise RejectedByServerError(
                f"EngineException: GPU devices are not enough to run {world} partitions."
            )
        handed["tensor_parallel_degree"] = tensor
        handed["device_id"] = "-1"
        visible = tensor  # 0.29.0 shows the GPUs of one stage, and hands on what the file says
        if self.since("0.30.0"):
            handed["pipeline_parallel_degree"] = pipeline
            visible = world
        return HandOver(
            properties=handed, handler=handler, gpus=visible, environment={"LOCAL_RANK": "0"}
        )

    def _check_devices(self) -> None:
        """ModelInfo.getLoadOnDevices(): how many Python processes fit on the machine."""
        lora = self.since("0.31.0") and java_bool(self.properties.get("option.enable_lora"))
        sessions = "option.enable_stateful_sessions"
        is_single = lora or (self.since("0.34.0") and java_bool(self.properties.get(sessions)))
        if is_single or self.get("load_on_devices", "*") != "*" or not self.devices:
            return
        text = self.get("option.tensor_parallel_degree", "-1")
        each = self.devices if text == "max" else java_int(text, "tensor_parallel_degree")
        if each <= 0:
            return
        if self.since("0.30.0") and not self.is_neuron:
            key = "option.pipeline_parallel_degree"
            each *= java_int(self.get(key, "1"), key)
        if each == 0:
            raise RejectedByServerError("ArithmeticException: / by zero")
        if int(self.devices / each) == 0:
            raise RejectedByServerError(
                f"EngineException: devices are not enough to run {each} partitions."
            )
        if each < 0:
            raise RejectedByServerError(f"NegativeArraySizeException: {self.devices / each:.0f}")

    def _start_python(
        self, handler: str, handed: dict[str, Value], tensor: int, pipeline: int
    ) -> HandOver:
        self._check_devices()
        world = tensor * pipeline if self.since("0.30.0") else tensor
        if tensor > 0:
            handed["tensor_parallel_degree"] = str(tensor)
        handed["device_id"] = "0" if self.gpus else "-1"
        environment = {}
        if self.is_neuron:
            handed["device_id"] = "0"
            flags = "--logfile /tmp/compile.log --temp-dir=/tmp"  # ENV of pytorch-inf2.Dockerfile
            environment["NEURON_CC_FLAGS"] = flags
        visible = min(world, self.gpus) if tensor > 0 else self.gpus
        return HandOver(
            properties=handed, handler=handler, gpus=max(visible, 0), environment=environment
        )
