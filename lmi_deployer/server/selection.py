"""Decides what serves a model: engine, handler and rolling batch, as one version's server does.

The order is the server's: engine, what it fills in from config.json, MPI mode, handler module, and
what that module makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from lmi_deployer.model_facts import ModelFacts
from lmi_deployer.server.choice import Choice, Problem, Selection
from lmi_deployer.server.engines import choose_engine, choose_mpi
from lmi_deployer.server.entry_points import choose_entry_point
from lmi_deployer.server.facts import Facts
from lmi_deployer.server.handlers import choose_handler
from lmi_deployer.server.recommending import recommend

__all__ = ["Problem", "Selection", "select"]
NO_SETTINGS: frozenset[str] = frozenset()


def select(
    facts: Facts,
    settings: Mapping[str, str],
    model: ModelFacts | None = None,
    late: frozenset[str] = NO_SETTINGS,
) -> Selection:
    """What the server of one image makes of settings (`Merged.texts`) and of a model.

    `late` is `Merged.late`. Facts of the model that are not known leave a decision open, or, for
    text generation, are taken for granted; the result says so.
    """
    choice = Choice(facts, settings, model, late)
    if choose_engine(choice):
        recommend(choice)
        choose_mpi(choice)
        kind = choose_entry_point(choice)
        if kind is not None:
            choose_handler(choice, kind)
    return choice.selection()
