"""What every rule needs: a finding about a spec, at the place where its key was written."""

from __future__ import annotations

from lmi_deployer.findings import Finding, Severity
from lmi_deployer.profile import Settings
from lmi_deployer.resolving.settings import BACKEND_SECTIONS
from lmi_deployer.spec import ResolvedSpec

SETTING_KEYS = {
    "model_id": "model.id",
    "revision": "model.revision",
    "dtype": "model.dtype",
    "trust_remote_code": "model.trust_remote_code",
    "smoothquant_alpha": "quantize",
    "smoothquant_per_token": "quantize",
    "smoothquant_per_channel": "quantize",
    "model_loading_timeout": "model_loading_timeout_seconds",
    "predict_timeout": "predict_timeout_seconds",
    "max_input_len": "traffic.max_input_len",
    "max_output_len": "traffic.max_output_len",
    "max_tokens": "traffic.max_output_len",
    "max_seq_len": "traffic.max_output_len",
}
"""Our name of a setting in serving.properties: the key of the profile that decides it."""


def profile_key(spec: ResolvedSpec, setting: str) -> str:
    """The key of the profile that decides a setting of serving.properties."""
    if setting in SETTING_KEYS:
        return SETTING_KEYS[setting]
    is_shared = setting in Settings.model_fields
    return setting if is_shared else f"{BACKEND_SECTIONS[spec.backend]}.{setting}"


def about(
    spec: ResolvedSpec,
    code: str,
    problem: str,
    *,
    key: str,
    fix: str | None = None,
    severity: Severity = "error",
) -> Finding:
    """A finding about one key of a spec."""
    place = spec.place(key)
    return Finding(code=code, severity=severity, problem=problem, place=place, key=key, fix=fix)
