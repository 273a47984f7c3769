"""The catalog says enough of every version and backend to serve a plain model without a finding."""

from __future__ import annotations

import pytest

from lmi_deployer import catalog
from lmi_deployer.checks import check
from lmi_deployer.render import properties
from tests.specs import make_spec

BACKENDS = [
    (version, backend)
    for version in catalog.names("containers")
    for backend in catalog.container(version).backends
]


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_a_plain_model_is_served_by_every_backend(version: str, backend: str) -> None:
    is_old = version == "0.22.1"  # before Llama came to most of its handlers
    spec = make_spec(
        f"container.version={version}",
        f"backend={backend}",
        f"instance_type={'ml.inf2.8xlarge' if backend == 'neuronx' else 'ml.g5.12xlarge'}",
        f"model.id={'openai-community/gpt2' if is_old else 'TheBloke/Llama-2-7B-fp16'}",
        *(("traffic.max_input_len=512", "traffic.max_output_len=128") if is_old else ()),
    )
    found = {item.key for item in check(spec) if item.severity != "note"}
    assert found == set()
    assert properties(spec)["option.model_id"] == spec.weights.model_id


@pytest.mark.parametrize(("version", "backend"), BACKENDS)
def test_what_a_plain_profile_writes_is_what_the_version_acts_on(
    version: str, backend: str
) -> None:
    spec = make_spec(
        f"container.version={version}",
        f"backend={backend}",
        f"instance_type={'ml.inf2.8xlarge' if backend == 'neuronx' else 'ml.g5.12xlarge'}",
    )
    known = catalog.container(version).options
    for name in properties(spec):
        assert not {backend, "any", "server"}.isdisjoint(known.get(name, ())), name
