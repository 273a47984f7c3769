"""What the server fills in from a model's config.json: rolling batch, MPI mode, degrees, sizes.

Sources: LmiConfigRecommender and LmiUtils of each version; servers.yaml holds what differs.
"""

from __future__ import annotations

from lmi_deployer.server.choice import (
    ASYNC_MODE,
    AUTO,
    BATCH_SIZE,
    DEGREE,
    DISABLE,
    ENGINE,
    MPI_MODE,
    ROLLING_BATCH,
    Choice,
    is_java_true,
    java_int,
)
from lmi_deployer.server.facts import Row

PIPELINE_DEGREE = "option.pipeline_parallel_degree"
MAX_NUM_TOKENS = "option.max_num_tokens"
ARCHITECTURES, MODEL_TYPE = "model.architectures", "model.model_type"
_NEEDS_MPI = frozenset({"lmi-dist", "trtllm"})
_OFF = frozenset({None, DISABLE})
_T5_BATCH_SIZE = "32"
_TRTLLM_SIZE_WITH_TOKENS = 256
"""0.27.0 gives TensorRT-LLM this batch size where max_num_tokens is written."""


def recommend(choice: Choice) -> None:
    """Decide the rolling batch, and write what the server writes."""
    facts = choice.facts
    choice.rolling_batch = choice.settings.get(ROLLING_BATCH)
    is_late = facts.recommender == "engine_absent"
    if facts.recommender == "always" or (is_late and choice.engine is None):
        is_t5 = _serves_t5_in_python(choice)
        is_known = _decide_rolling_batch(choice, is_t5)
        if is_known:
            _start_as_mpi(choice, is_t5 or choice.rolling_batch in _NEEDS_MPI)
            if facts.recommender == "always":
                _fill_in_sizes(choice)
        _fill_in_degrees(choice)
    if facts.writes_trtllm and choice.rolling_batch in {None, AUTO} and choice.reason is None:
        choice.rolling_batch = choice.written[ROLLING_BATCH] = "trtllm"
    if is_late and (choice.written.get(ROLLING_BATCH) or choice.seen(ROLLING_BATCH)) not in _OFF:
        _fill_in_sizes(choice)
    for row in facts.forced_settings:
        if is_java_true(choice.get(row["key"])):
            _force(choice, row)
    choice.is_async = facts.has_async_mode and is_java_true(choice.get(ASYNC_MODE))


def _serves_t5_in_python(choice: Choice) -> bool:
    facts = choice.facts
    is_t5 = facts.flavor == "tensorrtllm" and choice.model.model_type == "t5"
    return facts.has_t5_python_backend and is_t5


def _decide_rolling_batch(choice: Choice, is_t5: bool) -> bool:
    """Set the rolling batch; False where it depends on a fact that is not known."""
    facts, written = choice.facts, choice.seen(ROLLING_BATCH)
    if is_t5:
        _set(choice, DISABLE, "TensorRT-LLM serves T5 without one")
        choice.written.setdefault("batch_size", choice.get("batch_size") or _T5_BATCH_SIZE)
        return True
    for key in facts.dynamic_batch_keys:
        size = java_int(choice.seen(key))
        if size is not None and size > 1:
            _set(choice, DISABLE, f"{key} is {size}", f"remove {key}")
            return True
    row = facts.auto_rolling_batch
    if row is None:
        return True
    value = row["when_absent"] if written is None else written
    if value in facts.replaced_rolling_batches:
        other = facts.replaced_rolling_batches[value]
        _set(choice, other, f"{choice.lmi} has no {value}", f"{ROLLING_BATCH}={other}")
        choice.replace(MPI_MODE, "false", f"{other} takes the place of {value}")
        return True
    return value != AUTO or _resolve_auto(choice, row)


def _resolve_auto(choice: Choice, row: Row) -> bool:
    """What `auto`, written or not, stands for."""
    is_text = _is_text_generation(choice)
    if is_text is False:
        names = ", ".join(choice.model.architectures or ())
        _set(choice, DISABLE, f"{names} does not count as text generation")
        return True
    if is_text is None:
        choice.assumed.append(ARCHITECTURES)
    result = _for_the_model_type(choice, row)
    if result is None:
        choice.rolling_batch = None
        choice.reason = "what `auto` becomes depends on the model's type, which is not known"
        if ROLLING_BATCH in choice.settings:
            problem = f"becomes {row['listed']} or {row['otherwise']}, by the model's type"
            choice.fail(ROLLING_BATCH, "fallback", problem, None, (MODEL_TYPE,))
        return False
    is_written = choice.seen(ROLLING_BATCH) == AUTO
    if is_written and result != row["listed"] and result == row.get("otherwise", AUTO) != AUTO:
        problem = f"becomes {result}: {choice.lmi} has {row['listed']} for a list of model types, "
        problem += f"without {choice.model.model_type}"
        choice.fail(ROLLING_BATCH, "fallback", problem, "name the backend")
    if ROLLING_BATCH in choice.late:
        choice.replace(ROLLING_BATCH, result, "the server sees it only with its prefix")
    choice.rolling_batch = choice.written[ROLLING_BATCH] = result
    for key, value in row["writes"].items():
        why = "the server decides it together with the rolling batch"
        choice.replace(key, value, why, f"{ROLLING_BATCH}={DISABLE} keeps it as it is")
    return True


def _for_the_model_type(choice: Choice, row: Row) -> str | None:
    large = row.get("large_batch")
    if large is not None:
        size = java_int(choice.seen(BATCH_SIZE))
        if size is not None and size >= large["minimum"]:
            return str(large["rolling_batch"])
    listed, otherwise = str(row["listed"]), str(row.get("otherwise", row["listed"]))
    if listed == otherwise:
        return listed
    model_type = choice.model.model_type
    if model_type is None:
        return None
    return listed if model_type in choice.facts.recommended_model_types else otherwise


def _is_text_generation(choice: Choice) -> bool | None:
    model = choice.model
    if model.architectures is None:
        return None
    suffixes = choice.facts.text_generation_suffixes
    return any(name.endswith(suffixes) for name in (*model.architectures, *model.auto_classes))


def _set(choice: Choice, value: str, why: str, fix: str | None = None) -> None:
    choice.rolling_batch = value
    choice.replace(ROLLING_BATCH, value, why, fix)


def _start_as_mpi(choice: Choice, is_mpi: bool) -> None:
    if choice.facts.recommender == "engine_absent":
        choice.engine = choice.written[ENGINE] = "MPI" if is_mpi else "Python"
        choice.is_written_engine = True
    if is_mpi:
        choice.replace(MPI_MODE, "true", f"rolling_batch is {choice.rolling_batch}")


def _fill_in_degrees(choice: Choice) -> None:
    if choice.facts.writes_tensor_parallel_degree and DEGREE not in choice.settings:
        choice.written[DEGREE] = "max"
    if choice.facts.writes_pipeline_parallel_degree and PIPELINE_DEGREE not in choice.settings:
        choice.written[PIPELINE_DEGREE] = "1"


def _fill_in_sizes(choice: Choice) -> None:
    facts, backend = choice.facts, choice.rolling_batch or ""
    if not facts.default_batch_sizes or choice.seen(BATCH_SIZE) is not None:
        return
    size = facts.default_batch_sizes.get(backend, facts.default_batch_sizes["other"])
    if backend in facts.default_max_num_tokens:
        tokens = str(facts.default_max_num_tokens[backend])
        choice.written.setdefault(MAX_NUM_TOKENS, choice.get(MAX_NUM_TOKENS) or tokens)
    elif backend == "trtllm" and MAX_NUM_TOKENS in choice.settings:
        size = _TRTLLM_SIZE_WITH_TOKENS
    choice.replace(BATCH_SIZE, str(size), "the server sees it only with its prefix")


def _force(choice: Choice, row: Row) -> None:
    for key, value in row["writes"].items():
        number = java_int(choice.settings.get(key))
        if row["refuses_more"] and number is not None and number > int(value):
            problem = f"is {number}; with {row['key']} the model does not load"
            choice.fail(key, "load_error", problem, f"{key}={value}")
        else:
            choice.replace(key, value, f"{row['key']} is true")
