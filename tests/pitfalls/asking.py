"""Asks lint and validate about settings with a mistake in them."""

from __future__ import annotations

from typing import Any

from lmi_deployer import api, catalog
from lmi_deployer.hardware import load_profile
from lmi_deployer.lint import judge_settings, make_target
from lmi_deployer.model_facts import from_catalog, from_config
from tests.specs import PROFILE

Found = set[tuple[str, str, str]]
"""(severity, code, key)"""


def linted(
    settings: str,
    version: str,
    flavor: str,
    *,
    instance: str | None = None,
    model: str | dict[str, Any] | None = None,
) -> Found:
    """The findings about settings: lower-case names are keys of the file, others variables.

    `model` is a model of the catalog, or a config.json.
    """
    pairs = dict(line.strip().split("=", 1) for line in settings.split("\n") if line.strip())
    if not {"option.model_id", "SERVING_LOAD_MODELS"} & set(pairs):
        pairs["option.model_id"] = "s3://acme-models/chat/"
    properties = {name: value for name, value in pairs.items() if not name.isupper()}
    environment = {name: value for name, value in pairs.items() if name.isupper()}
    facts = None
    if isinstance(model, str):
        known = catalog.find_model(model)
        assert known is not None, model
        facts = from_catalog(known)
    elif model is not None:
        facts = from_config(model)
    target = make_target(version, flavor, instance, facts)
    issues = judge_settings(target, properties, environment).issues
    return {(issue.severity, issue.code, issue.key) for issue in issues}


def validated(*overrides: str, text: str = PROFILE) -> Found:
    """The findings about the profile of these tests with some settings changed."""
    found = api.check(load_profile(text, "chat.yaml"), "g5", overrides).findings
    return {(finding.severity, finding.code, finding.key or "") for finding in found}
