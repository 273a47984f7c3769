"""Which engine the server takes, and whether it starts the handler under mpirun.

Sources: ModelInfo.inferEngine, LmiUtils.inferLmiEngine, PyModel and MpiEngineProvider.
"""

from __future__ import annotations

from lmi_deployer.model_facts import DIFFUSERS
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.server.choice import (
    DEGREE,
    ENGINE,
    ENTRY_POINT,
    MODEL_ID,
    MPI_MODE,
    Choice,
    is_java_true,
    java_int,
)
from lmi_deployer.server.facts import Row

LOAD_MODELS = "load_models"
HANDLERS_ENGINE = "option.engine"
_PYDANTIC_TRUE = frozenset({"1", "on", "t", "true", "y", "yes"})
_ENGINE_FIELD = 2
"""Where the engine stands in `<name>:<version>:<engine>:<devices>` of load_models."""


def choose_engine(choice: Choice) -> bool:
    """Take the engine that is written or inferred; False where no Python handler comes of it."""
    key, name = _written(choice)
    facts = choice.facts
    if name is None:
        _infer(choice)
    elif name in facts.engines:
        choice.engine = name
        choice.is_written_engine = key == ENGINE
    elif name in facts.other_engines:
        choice.engine = name
        choice.runs_python = False
        choice.reason = f"the engine {name} runs no Python handler"
        return False
    else:
        _no_such_engine(choice, key, name)
    _check_the_handlers_engine(choice)
    return True


def _written(choice: Choice) -> tuple[str, str | None]:
    """The engine of the list of models, which beats the one of the file."""
    models = choice.settings.get(LOAD_MODELS)
    if models is not None and "," not in models:
        head, equals, _ = models.partition("=")
        fields = head.strip("[] ").split(":")
        if equals and len(fields) > _ENGINE_FIELD and fields[_ENGINE_FIELD]:
            return LOAD_MODELS, fields[_ENGINE_FIELD]
    return ENGINE, choice.settings.get(ENGINE)


def _no_such_engine(choice: Choice, key: str, name: str) -> None:
    facts = choice.facts
    same = next((engine for engine in facts.engines if engine.lower() == name.lower()), None)
    listed = ", ".join(facts.engines)
    problem = f"is {name!r}; the engines of {choice.lmi} are {listed}, and the model does not load"
    if same is not None:
        fix = f"{same}; case matters"
    elif name in facts.removed_engines:
        fix = facts.removed_engines[name]
    else:
        fix = did_you_mean(name, facts.engines)
    choice.fail(key, "load_error", problem, fix)
    if same is None:
        _infer(choice)
    else:
        choice.engine = same
        choice.is_written_engine = key == ENGINE


def _infer(choice: Choice) -> None:
    """The engine of a file without one, by the model's type; later, where it is recommended."""
    facts = choice.facts
    if facts.recommender == "engine_absent":
        return
    if MODEL_ID in choice.late and facts.recommender == "never":
        problem = f"comes after {choice.lmi} has looked for the engine"
        problem += ", which fails unless the model's folder holds config.json or model.py"
        choice.fail(MODEL_ID, "unchecked", problem, "set engine in serving.properties as well")
    row = _inferred_row(choice)
    if row is None:
        choice.reason = "without `engine` it depends on the model's type, which is not known"
        return
    choice.engine = row["engine"]
    if "entry_point" in row:
        choice.written[ENTRY_POINT] = row["entry_point"]
    choice.is_written_engine = bool(row.get("writes_engine"))


def _inferred_row(choice: Choice) -> Row | None:
    rows = choice.facts.inferred_engines
    model_type = choice.model.model_type
    if model_type is None:
        plain = [row for row in rows if row.get("model_types") != [DIFFUSERS]]
        return plain[0] if len(plain) == 1 else None
    if choice.facts.inference_needs_divisible_heads and model_type != DIFFUSERS:
        degree = java_int(choice.settings.get(DEGREE))
        heads = choice.model.num_attention_heads
        if degree and heads and heads % degree:
            return rows[-1]
    return next(row for row in rows if model_type in row.get("model_types", (model_type,)))


def _check_the_handlers_engine(choice: Choice) -> None:
    """OPTION_ENGINE up to 0.26.0: a property that Python handlers take for the engine."""
    name = choice.settings.get(HANDLERS_ENGINE)
    if name is not None and choice.engine is not None and name != choice.engine:
        problem = f"is {name}, which only the handler sees: the server runs {choice.engine}"
        choice.fail(HANDLERS_ENGINE, "fallback", problem, "set engine in serving.properties")


def choose_mpi(choice: Choice) -> None:
    """Whether the server starts the handler under mpirun."""
    facts, text = choice.facts, choice.get(MPI_MODE)
    is_mpi_engine = None if choice.engine is None else choice.engine in facts.mpi_engines
    if not facts.engine_beats_mpi_mode and text is not None:
        choice.is_mpi = is_java_true(text)
    elif facts.is_mpi_decided_by == "nothing":
        choice.is_mpi = is_mpi_engine
    elif is_java_true(text):
        choice.is_mpi = True
    else:
        choice.is_mpi = is_mpi_engine
    if is_mpi_engine and facts.is_mpi_decided_by.startswith("mpi_mode"):
        choice.replace(MPI_MODE, "true", f"engine is {choice.engine}", "engine=Python")
    if choice.is_mpi and not facts.has_mpi:
        key = MPI_MODE if MPI_MODE in choice.settings else ENGINE
        text = choice.get(key)
        problem = f"is {choice.engine if text is None else text}, which starts mpirun; "
        problem += "it finds no GPU on neuronx, and the model does not load"
        choice.fail(key, "load_error", problem, "engine=Python")


def handler_runs_under_mpi(choice: Choice) -> bool | None:
    """What the handler takes for the truth about mpirun; None where it cannot be told."""
    decided_by = choice.facts.is_mpi_decided_by
    if decided_by == "engine":
        return handlers_engine(choice) != "Python"
    text = choice.get(MPI_MODE)
    if text is None:
        return None if choice.engine is None else False
    if decided_by == "mpi_mode_text":
        return text == "true"
    return text.lower() in _PYDANTIC_TRUE


def handlers_engine(choice: Choice) -> str | None:
    """The engine that the handler sees; None for an inferred one, which it does not see."""
    if HANDLERS_ENGINE in choice.settings:
        return choice.settings[HANDLERS_ENGINE]
    return choice.engine if choice.is_written_engine else None
