"""Settings that belong together: those of one handler on one image, with what they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from lmi_deployer.lint import Target
from tests.fuzz.generators import escaped, samples
from tests.fuzz.targets import target_of


@dataclass(frozen=True)
class Base:
    """What makes one handler of one image serve."""

    version: str
    flavor: str
    handler: str
    settings: Mapping[str, str]

    @property
    def target(self) -> Target:
        """What to lint for."""
        return target_of(self.version, self.flavor)


VLLM = {"engine": "Python", "option.rolling_batch": "vllm"}
LMI_DIST = {"engine": "MPI", "option.rolling_batch": "lmi-dist"}
TRTLLM = {"engine": "MPI", "option.rolling_batch": "trtllm"}
DEEPSPEED = {"engine": "DeepSpeed"}
NEURONX = {"engine": "Python", "option.entryPoint": "djl_python.transformers_neuronx"}
PLAIN = {"engine": "Python", "option.rolling_batch": "disable"}
BASES = (
    Base("0.22.1", "deepspeed", "deepspeed", DEEPSPEED),
    Base("0.25.0", "deepspeed", "deepspeed", DEEPSPEED),
    Base("0.25.0", "deepspeed", "vllm", VLLM),
    Base("0.25.0", "deepspeed", "lmi-dist", LMI_DIST),
    Base("0.25.0", "tensorrtllm", "trtllm", TRTLLM),
    Base("0.28.0", "neuronx", "neuronx", NEURONX),
    Base("0.30.0", "tensorrtllm", "trtllm", TRTLLM),
    Base("0.30.0", "lmi", "lmi-dist", LMI_DIST),
    Base("0.36.0-lmi27", "lmi", "vllm", VLLM),
    Base("0.36.0-lmi27", "lmi", "hf-accelerate", PLAIN),
)
MODELS = st.sampled_from(("acme/chat", "TheBloke/Llama-2-7B-fp16", "s3://bucket/model/"))
WRONG = st.sampled_from(
    ({}, {}, {"option.dtyp": "fp16"}, {"option.dtype": "fp17"}, {"option.task": ""})
)


@st.composite
def specs(draw: st.DrawFn) -> tuple[Base, dict[str, str]]:
    """Settings of one handler; one in two has something wrong."""
    base = draw(st.sampled_from(BASES))
    entries = base.target.table.handler(base.handler).entries
    chosen = draw(st.lists(st.sampled_from(sorted(entries)), max_size=8, unique=True))
    own = {
        key: draw(st.sampled_from(values))
        for key in chosen
        if (values := samples(entries[key].readings[-1]))
    }
    model_id = {"option.model_id": draw(MODELS)}
    return base, {**own, **draw(WRONG), **base.settings, **model_id}


def as_file(settings: Mapping[str, str]) -> bytes:
    """The settings as serving.properties."""
    return b"".join(line(key, value) + b"\n" for key, value in settings.items())


def line(key: str, value: str) -> bytes:
    """One setting as serving.properties has it; backslashes and leading blanks are kept."""
    text = escaped(value.replace("\\", "\\\\"))
    return escaped(key) + b"=" + (b"\\" + text if text.startswith(b" ") else text)


def variable_of(key: str, target: Target) -> str | None:
    """The variable that stands for a key just as the file would; None where there is none.

    A SERVING_ variable does not: the server sees it only after it has chosen the handler.
    """
    facts = target.facts
    rules = facts.option_variables
    if not rules["is_read"] or not rules["sets_engine"]:
        return None
    if key == "engine":
        return "OPTION_ENGINE"
    bare = key.removeprefix("option.")
    name = f"OPTION_{bare.upper()}"
    is_spelt_alike = facts.mixed_case.get(bare.lower(), bare.lower()) == bare
    is_for_the_server = bare in facts.top_level and key not in facts.either_prefix
    if bare == key or not is_spelt_alike or is_for_the_server or name in facts.variables:
        return None
    return name
