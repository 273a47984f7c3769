"""The model that settings serve, as the model section of a profile names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lmi_deployer.errors import InputError
from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.starting.subject import Subject, make_subject

MODEL_KEYS = ("option.model_id", "option.s3url")
"""Keys that name the weights; the second is the older one, for S3 alone."""
_ANY_SIZE = 1.0


def find_subject(
    texts: Mapping[str, str], model_id: str | None, weights_gib: float | None
) -> Subject:
    """The model of settings; `model_id` says which repository weights on S3 are a copy of.

    Raises InputError for weights that a profile cannot name, and where it has to be told which
    model they are or how large.
    """
    weights = next((texts[key] for key in MODEL_KEYS if texts.get(key)), None)
    if weights is None:
        raise _in_the_folder("there is no option.model_id")
    if weights.startswith("s3://"):
        return _on_s3(weights, model_id, weights_gib)
    if "://" in weights or weights.startswith(("/", ".")):
        raise _in_the_folder(f"option.model_id is {weights}")
    if model_id is not None and model_id != weights:
        problem = f"the source serves {weights}, not {model_id}"
        raise InputError(problem, fix="--model-id is for weights on S3; leave it out")
    return make_subject(weights, None, weights_gib)


def facts_of(subject: Subject) -> ModelFacts | None:
    """What the catalog knows of the model."""
    return subject.facts


def _in_the_folder(problem: str) -> InputError:
    return InputError(
        f"{problem}: the container has the weights beside its serving.properties, and a profile "
        "deploys no weights",
        fix="copy the weights to S3, and set option.model_id to that folder",
    )


def _on_s3(folder: str, model_id: str | None, weights_gib: float | None) -> Subject:
    if model_id is not None:
        return make_subject(model_id, folder, weights_gib)
    subject = make_subject(folder, None, weights_gib or _ANY_SIZE)
    if subject.facts is None:
        problem = f"which model is at {folder} cannot be told by the folder's name"
        raise InputError(problem, fix="--model-id with the repository that it is a copy of")
    return replace(subject, weights_gib=weights_gib)
