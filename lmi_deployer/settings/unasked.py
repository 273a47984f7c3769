"""Which rules could not be asked about settings, for lack of a model or a machine, and the way out.

No rule passes in silence: `lint` says this once for each file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lmi_deployer.catalog.rows import InstanceType
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.settings.keys import CUSTOM

OF_THE_MODEL: Mapping[str, str | None] = {
    "LMI103": None,
    "LMI104": "model_type",
    "LMI202": "num_attention_heads",
    "LMI401": "max_position_embeddings",
    "LMI404": None,
}
"""Code of rules that ask the model: the fact of ModelFacts without which they say nothing.

None where an absent key of config.json is an answer, or nobody can be asked for it.
"""
OF_THE_MACHINE = ("LMI201", "LMI203", "LMI205", "LMI207", "LMI211")
"""Codes of rules that ask the instance type."""


def unasked(
    handler: str | None, model: ModelFacts | None, instance: InstanceType | None
) -> tuple[str, str] | None:
    """(What was not checked, what to give); None where everything could be asked.

    Of the user's own code nothing is asked that concerns the model.
    """
    lacking, fixes = [], []
    if handler == CUSTOM:
        pass
    elif model is None:
        lacking.append(f"{_listed(OF_THE_MODEL)} without the model's facts")
        fixes.append("--model-facts with the model's config.json")
    else:
        needed = {code: name for code, name in OF_THE_MODEL.items() if name is not None}
        missing = {code: name for code, name in needed.items() if getattr(model, name) is None}
        if missing:
            names = _listed(missing.values())
            lacking.append(f"{_listed(missing)}, since the model's facts hold no usable {names}")
            fixes.append(f"a config.json with {names}")
    if instance is None:
        lacking.append(f"{_listed(OF_THE_MACHINE)} without an instance type")
        fixes.append("--instance with the type it runs on")
    return (f"not checked: {'; '.join(lacking)}", ", and ".join(fixes)) if lacking else None


def _listed(items: Iterable[str]) -> str:
    """`a, b and c`."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
