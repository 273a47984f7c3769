"""One valid thing of each kind; a test changes the one field that it is about."""

from __future__ import annotations

import textwrap

from lmi_deployer.bundle import Bundle
from lmi_deployer.deployment import Deployment, Target, make_deployment
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec

FILE = "chat.yaml"
PROFILE = textwrap.dedent(
    """\
    apiVersion: lmi-deploy/v1
    kind: ModelProfile
    name: chat
    model: {id: TheBloke/Llama-2-7B-fp16}
    container: {version: "0.25.0"}
    traffic: {max_input_len: 1024, max_output_len: 512}
    profiles:
      g5:
        instance_type: ml.g5.12xlarge
        backend: lmi-dist
        tensor_parallel_degree: 4
        max_rolling_batch_size: 32
    """
)
TARGET = Target(
    region="us-east-1",
    partition="aws",
    account="123456789012",
    role_arn="arn:aws:iam::123456789012:role/serving",
    artifacts="s3://acme-models/lmi-deploy/",
)


def a_profile(text: str = PROFILE) -> LoadedProfile:
    """A valid profile with one hardware profile, `g5`."""
    return load_profile(text, FILE)


def a_spec(*overrides: str, text: str = PROFILE, hardware: str = "g5") -> ResolvedSpec:
    """The spec of that hardware profile, with `--set` overrides."""
    return resolve(merge(a_profile(text), hardware, overrides))


def a_deployment(*overrides: str, target: Target = TARGET) -> Deployment:
    """What that spec should look like on AWS."""
    return make_deployment(a_spec(*overrides), target)


NO_BUNDLE = Bundle({})
