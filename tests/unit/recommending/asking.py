"""A question about a shipped profile, to change one thing at a time."""

from __future__ import annotations

from functools import cache
from typing import Any

from lmi_deployer.recommending import (
    Limits,
    Outcome,
    Subject,
    Wish,
    of_model,
    of_profile,
    recommend,
)
from lmi_deployer.recommending.loading import Arithmetic
from lmi_deployer.resources import shipped_profiles
from tests.unit.recommending.stand_ins import STAND_INS

MISTRAL = "mistralai/Mistral-7B-v0.1"


@cache
def llama() -> Subject:
    """Llama 2 70B on LMI 0.25.0."""
    return of_profile(shipped_profiles()["llama2-70b"])


@cache
def mistral() -> Subject:
    """Mistral 7B by its id."""
    return of_model(MISTRAL)


def ask(
    subject: Subject | None = None,
    models: Arithmetic = STAND_INS,
    *,
    limits: dict[str, Any] | None = None,
    **wish: Any,
) -> Outcome:
    """What is recommended for Llama 2 70B, unless something else is named."""
    return recommend(subject or llama(), Wish(limits=Limits(**(limits or {})), **wish), models)
