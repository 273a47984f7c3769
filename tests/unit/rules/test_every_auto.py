"""`auto` everywhere, for models, machines, versions and backends of every kind."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmi_deployer import catalog
from lmi_deployer.checks import check
from lmi_deployer.findings import ProfileError
from lmi_deployer.hardware import load_profile, merge
from lmi_deployer.resolve import resolve
from lmi_deployer.spec import ResolvedSpec

RULED_OUT = frozenset({"LMI101", "LMI102", "LMI103", "LMI105", "LMI202", "LMI306", "LMI401"})
"""Codes about values that a rule chooses; the others are about what only the user can change."""


@st.composite
def profiles(draw: st.DrawFn) -> str:
    version = draw(st.sampled_from(catalog.names("containers")))
    lengths = st.sampled_from(["auto", 1, 300])
    machine = {
        "instance_type": draw(st.sampled_from(catalog.names("instances"))),
        "quantize": draw(st.sampled_from(["none", "auto"])),
        "backend": "auto",
        "tensor_parallel_degree": "auto",
        "max_rolling_batch_size": "auto",
    }
    content = {
        "apiVersion": "lmi-deploy/v1",
        "kind": "ModelProfile",
        "name": "auto",
        "model": {
            "id": draw(st.sampled_from([*catalog.names("models"), "acme/unheard-of"])),
            "source": "s3://acme-models/copy/",
            "weights_gib": 13.5,
        },
        "container": {"version": version},
        "traffic": {"max_input_len": draw(lengths), "max_output_len": draw(lengths)},
        "profiles": {"auto": machine},
    }
    return json.dumps(content)


def resolved(text: str) -> ResolvedSpec | ProfileError:
    try:
        return resolve(merge(load_profile(text, "auto.yaml"), "auto"))
    except ProfileError as error:
        return error


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=profiles())
def test_every_auto_comes_to_values_that_pass_or_is_refused_with_a_way_out(text: str) -> None:
    spec = resolved(text)
    if isinstance(spec, ProfileError):
        assert all(item.problem and item.fix for item in spec.findings)
        return
    assert not {None, "auto"} & set(spec.settings.values()) - {spec.settings.get("device_map")}
    wrong = [item for item in check(spec) if item.severity == "error" and item.code in RULED_OUT]
    assert wrong == []
    decided = ["backend", "tensor_parallel_degree"]
    decided += ["max_rolling_batch_size"] if spec.max_rolling_batch_size is not None else []
    assert all(spec.origin[key].rule and spec.origin[key].reason for key in decided)
