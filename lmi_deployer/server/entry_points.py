"""Which handler module the server loads.

Source: PyModel.load of each version, and load_model_service of djl_python.
"""

from __future__ import annotations

from lmi_deployer.nearest import did_you_mean
from lmi_deployer.server.choice import DEGREE, ENTRY_POINT, MODEL_ID, Choice, java_int
from lmi_deployer.server.facts import Row

PACKAGE = "djl_python."
CUSTOM = "custom"


def choose_entry_point(choice: Choice) -> str | None:
    """Take the handler module; its kind, or None where there is none, or none that is known."""
    written = choice.get(ENTRY_POINT)
    if written is None:
        written = _default(choice)
        if written is None:
            return None
    choice.entry_point = written
    facts = choice.facts
    row = facts.entry_points.get(written)
    if row is None:
        return _other(choice, written)
    flavors = row.get("flavors")
    if flavors is not None and facts.flavor not in flavors:
        images = " and ".join(flavors)
        problem = f"is {written}, which needs what only the image {images} of {choice.lmi} has"
        choice.fail(ENTRY_POINT, "load_error", problem, _instead(choice))
        choice.reason = f"{written} cannot be loaded in this image"
        return None
    return str(row["kind"])


def _other(choice: Choice, written: str) -> str | None:
    """A module that is not the server's: the user's own, or a misspelt one of the server's."""
    facts = choice.facts
    full = written if written.startswith(PACKAGE) else PACKAGE + written
    is_ours = written.startswith(PACKAGE) or full in facts.entry_points
    is_ours = is_ours or full in facts.entry_point_spellings
    if not is_ours:
        return CUSTOM
    problem = f"is {written}, which is no handler of {choice.lmi}; the model does not load"
    meant = full if full in facts.entry_points else facts.entry_point_spellings.get(full)
    available = [
        name
        for name, row in facts.entry_points.items()
        if facts.flavor in row.get("flavors", (facts.flavor,))
    ]
    if meant not in available:
        choice.fail(ENTRY_POINT, "load_error", problem, did_you_mean(written, available))
        choice.reason = f"there is no module {written}"
        return None
    choice.fail(ENTRY_POINT, "load_error", problem, meant)
    choice.entry_point = meant
    return str(facts.entry_points[meant]["kind"])


def _default(choice: Choice) -> str | None:
    """The module without option.entryPoint; None where it cannot be told."""
    row = choice.facts.default_entry_point
    by_engine, by_rolling_batch = row.get("by_engine", {}), row.get("by_rolling_batch", {})
    with_degree = row.get("with_tensor_parallel_degree")
    found: str | None = None
    if choice.engine is not None or not by_engine:
        if choice.engine in by_engine:
            found = by_engine[choice.engine]
        elif with_degree is not None and _has_degree(choice):
            found = with_degree
        elif choice.rolling_batch in by_rolling_batch:
            found = by_rolling_batch[choice.rolling_batch]
        elif row.get("needs_model_id") and MODEL_ID not in choice.settings:
            choice.reason = "without option.model_id it is model.py in the model's folder"
        else:
            found = _plain_default(choice, row)
    return found


def _plain_default(choice: Choice, row: Row) -> str | None:
    with_degree = row.get("with_tensor_parallel_degree")
    if with_degree is not None:
        problem = "is not given, so that the Hugging Face handler loads instead of "
        choice.fail(DEGREE, "fallback", problem + str(with_degree), f"{DEGREE}=<NeuronCores>")
    if choice.is_async and row.get("with_async_mode"):
        return str(row["with_async_mode"])
    if row.get("forces_async_mode"):
        choice.is_async = True
    return str(row["default"]) if row.get("default") else None


def _has_degree(choice: Choice) -> bool:
    degree = choice.get(DEGREE)
    return degree == "max" or (java_int(degree) or 0) > 0


def _instead(choice: Choice) -> str:
    default = choice.facts.default_entry_point.get("default")
    return f"leave it out: this image takes {default}" if default else "leave it out"
