"""The entry points of the server's handlers, each up to where a model would be loaded."""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Callable
from typing import Any, TypeAlias

Initialize: TypeAlias = Callable[[dict[str, Any]], object]


class Handlers:
    """Name -> handler, imported when first asked for."""

    def __init__(self) -> None:
        self.known: dict[str, Initialize] = {}

    def __getitem__(self, name: str) -> Initialize:
        if name not in self.known:
            self.known[name] = getattr(self, name)()
        return self.known[name]

    def huggingface(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.huggingface")
        return lambda properties: module.HuggingFaceService().initialize(properties)

    def deepspeed(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.deepspeed")
        return lambda properties: module.DeepSpeedService().initialize(properties)

    def trtllm(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.tensorrt_llm")

        def initialize(properties: dict[str, Any]) -> None:
            service = module.TRTLLMService()
            python_service = getattr(module, "TRTLLMPythonService", None)
            if python_service and dict(properties).get("rolling_batch", "disable") == "disable":
                service = python_service()
                service._get_config = sys.modules["transformers"].AutoConfig.from_pretrained
            service.initialize(properties)

        return initialize

    def trtllm_async(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.lmi_trtllm.trtllm_async_service")
        return lambda properties: module.TensorRTLlmAsyncService().initialize(properties)

    def vllm_async(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.lmi_vllm.vllm_async_service")
        sessions: Any = sys.modules.get("djl_python.session_manager")
        if sessions:  # it would write below /dev/shm
            sessions.os = types.SimpleNamespace(
                path=os.path, makedirs=_nothing, listdir=lambda _: []
            )
            sessions.atexit = types.SimpleNamespace(register=_nothing)
        if hasattr(module, "apply_lmcache_auto_config"):  # it measures this machine's memory
            module.apply_lmcache_auto_config = lambda _, properties: dict(properties)

        def initialize(properties: dict[str, Any]) -> None:
            steps = module.VLLMHandler().initialize(properties)
            try:
                while True:
                    steps.send(None)
            except StopIteration:
                pass

        return initialize

    def neuronx(self) -> Initialize:
        module: Any = importlib.import_module("djl_python.transformers_neuronx")
        diffusion: Any = importlib.import_module("djl_python.stable_diffusion_inf2")
        utils: Any = getattr(module, "NeuronSmartDefaultUtils", None)
        if utils:
            utils.get_available_cores = staticmethod(lambda: 0)  # it would start neuron-ls

        def initialize(properties: dict[str, Any]) -> None:
            if "use_stable_diffusion" in properties:
                diffusion.StableDiffusionNeuronXProperties(**properties)
                return
            service = module.TransformersNeuronXService()
            if hasattr(service, "set_configs"):
                service.set_configs(properties)
            else:
                service.initialize(properties)

        return initialize


def _nothing(*_: object, **__: object) -> None:
    return None
