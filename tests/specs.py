"""One valid thing of each kind; a test changes the one field that it is about."""

from __future__ import annotations

from lmi_deployer.bundle import Bundle
from lmi_deployer.deployment import Deployment, Target, make_deployment
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec
from lmi_deployer.steps import CompileEngine

PROFILE = """\
apiVersion: lmi-deploy/v1
kind: ModelProfile
name: chat
model: {id: TheBloke/Llama-2-7B-fp16}
container: {version: "0.25.0"}
traffic: {max_input_len: 1024, max_output_len: 512}
profiles:
  g5:
    instance_type: ml.g5.2xlarge
    backend: lmi-dist
"""
"""A profile without errors or warnings; tests add lines to its end, or replace one."""

TARGET = Target(
    region="us-east-1",
    role_arn="arn:aws:iam::123456789012:role/serving",
    artifacts="s3://acme-models/lmi-deploy/",
)
NO_BUNDLE = Bundle({})


def make_spec(*overrides: str, text: str = PROFILE, hardware: str = "g5") -> ResolvedSpec:
    """The spec of PROFILE, or of another text, with `--set` overrides."""
    return resolve(merge(load_profile(text, "chat.yaml"), hardware, overrides))


def a_deployment(*overrides: str, target: Target = TARGET) -> Deployment:
    """What that spec should look like on AWS."""
    return make_deployment(make_spec(*overrides), target)


def a_compile_step() -> CompileEngine:
    """A step that compiles an engine with a training job."""
    return CompileEngine(
        key="0123456789abcdef" * 4,
        cache="s3://acme-models/engines/",
        runner="sagemaker",
        image_uri="djl-inference:0.25.0",
        job={"inputs": {"kind": "trt_engine"}, "max_seconds": 7200},
        properties="",
        note="training job on ml.g5.2xlarge, 20 to 110 min, $8 to $46",
    )
