"""What the rolling batch classes of the Hugging Face handler demand before they load.

Sources: djl_python/rolling_batch/{lmi_dist,vllm,scheduler}_rolling_batch.py and, from 0.26.0 on,
properties_manager/{lmi_dist,vllm}_rb_properties.py.
"""

from __future__ import annotations

from lmi_deployer.server.choice import (
    DEGREE,
    ENGINE,
    MPI_MODE,
    ROLLING_BATCH,
    Choice,
    is_java_true,
    java_int,
)
from lmi_deployer.server.engines import HANDLERS_ENGINE, handler_runs_under_mpi, handlers_engine
from lmi_deployer.server.recommending import MODEL_TYPE

_WITHOUT_A_DECODER_ALONE = "ForConditionalGeneration"


def check_lmi_dist(choice: Choice) -> None:
    """LMI-Dist runs under mpirun, one process per GPU."""
    facts = choice.facts
    outcome = facts.lmi_dist_without_mpi
    thinks_so = handler_runs_under_mpi(choice)
    if not facts.lmi_dist_needs_mpi_for_one_gpu and java_int(choice.get(DEGREE) or "1") == 1:
        return
    if thinks_so is None:
        problem = "is lmi-dist, which needs MPI; the engine depends on the model's type"
        choice.fail(ROLLING_BATCH, outcome, problem, "engine=MPI", (MODEL_TYPE,))
    elif not thinks_so:
        effect = "every request fails" if outcome == "request_error" else "the model does not load"
        problem = f"is lmi-dist, which needs MPI, and the handler sees none; {effect}"
        fix = "engine=MPI" + (f" without {MPI_MODE}" if MPI_MODE in choice.settings else "")
        choice.fail(ROLLING_BATCH, outcome, problem, fix)
    elif not choice.is_mpi:
        problem = "is lmi-dist, which takes itself to be under MPI while one process runs"
        choice.fail(ROLLING_BATCH, "unchecked", problem, "engine=MPI")


def check_vllm(choice: Choice) -> None:
    """With vLLM the engine is Python, since it starts its own processes."""
    facts, engine = choice.facts, handlers_engine(choice)
    if engine is None and facts.vllm_needs_written_engine:
        problem = "is vllm, which does not load unless engine=Python is written"
        choice.fail(ROLLING_BATCH, "load_error", problem, "engine=Python")
    elif engine is not None and engine != "Python":
        problem = f"is {engine}; vLLM loads only with Python"
        key = HANDLERS_ENGINE if HANDLERS_ENGINE in choice.settings else ENGINE
        choice.fail(key, "load_error", problem, "engine=Python")
    elif is_java_true(choice.get(MPI_MODE)):
        problem = "is true, which starts vLLM once per GPU"
        choice.fail(MPI_MODE, "unchecked", problem, "leave it out")
    if facts.vllm_needs_tensor_parallel_degree and choice.get(DEGREE) is None:
        problem = f"is not given, without which vLLM of {choice.lmi} does not load"
        choice.fail(DEGREE, "load_error", problem, f"{DEGREE}=<GPUs>")


def check_scheduler(choice: Choice) -> None:
    """The scheduler has no place for models with an encoder of their own."""
    architectures = choice.model.architectures or ()
    if architectures and architectures[0].endswith(_WITHOUT_A_DECODER_ALONE):
        problem = f"is scheduler, which does not load {architectures[0]}"
        choice.fail(ROLLING_BATCH, "load_error", problem, "another rolling batch, or disable")
