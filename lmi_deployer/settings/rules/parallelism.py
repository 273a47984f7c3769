"""Rules about tensor and pipeline parallelism: what the server starts on the devices, and how.

Sources: ModelInfo.getLoadOnDevices, PyModel.load, PyEnv.getMpiWorkers, Connection.getPythonStartCmd
and LmiConfigRecommender of each version; construct_kwargs_device_map of hf_properties.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from lmi_deployer.server.choice import java_int
from lmi_deployer.settings.values import as_number
from lmi_deployer.settings.view import Issue, View

TENSOR = "option.tensor_parallel_degree"
PIPELINE = "option.pipeline_parallel_degree"
CLUSTER = "option.cluster_size"
ALL = "max"
HUGGING_FACE = frozenset({"hf-accelerate", "scheduler", "lmi-dist", "vllm"})
"""Handlers whose settings HuggingFaceProperties checks."""
TAKE_NO_DEGREE = frozenset({"hf-accelerate", "scheduler", "custom"})
"""Handlers for which a degree below 1 says that nothing is shared out."""
FROM_ONE = "a whole number from 1"


class Degrees(NamedTuple):
    """The degrees as the server parses them."""

    tensor: int | None
    """None for all devices where their number is not known; 0 where nothing says it."""
    pipeline: int
    is_counted: bool
    """True where the server sets devices aside for every stage."""


def _is_neuron(view: View) -> bool:
    return view.image.accelerator == "neuron"


def _kind(view: View) -> str:
    return "NeuronCores" if _is_neuron(view) else "GPUs"


def degrees(view: View) -> Degrees | None:
    """The degrees that hold; None where a text is no number, which is said elsewhere."""
    settings, when = view.settings, view.table.server["pipeline_degree"]
    pipeline: int | None = 1
    if PIPELINE in settings and when != "never":
        pipeline = java_int(settings[PIPELINE])
    text = settings.get(TENSOR) or view.written.get(TENSOR, "0")
    tensor = None if text == ALL else java_int(text)
    if pipeline is None or (tensor is None and text != ALL):
        return None
    is_counted = not _is_neuron(view) and (when == "always" or (when == "mpi" and view.is_mpi))
    if text == ALL or (tensor == 0 and view.is_mpi):
        tensor = view.devices
        if tensor is not None and is_counted and when == "always":
            tensor = int(tensor / (pipeline or 1))
    return Degrees(tensor, pipeline, is_counted)


def degrees_can_be_started(view: View) -> Iterator[Issue]:
    """LMI308 to LMI310: degrees below 1, and stages where there are none."""
    settings = view.settings
    text = settings.get(TENSOR, ALL)
    if PIPELINE not in settings and (text == ALL or (text.isdigit() and text != "0")):
        return  # as in nearly every file
    found = degrees(view)
    if found is None:
        return
    if PIPELINE in settings:
        yield from _stages(view, found)
    written = java_int(settings.get(TENSOR))
    if written is None or written > 0:
        return
    if view.is_mpi and written < 0:
        yield _refused(TENSOR, f"is {written}", FROM_ONE)
    elif view.is_mpi:
        taken = f"all {_kind(view)}" if found.tensor is None else str(found.tensor)
        problem = f"is 0, for which the server takes {taken}"
        yield Issue("LMI308", "warning", TENSOR, problem, f"{TENSOR}={ALL}")
    elif view.handler is not None and view.handler not in TAKE_NO_DEGREE:
        problem = f"is {written}; nothing checks it before the library behind it fails"
        yield Issue("LMI310", "warning", TENSOR, problem, f"{FROM_ONE}, or {ALL}")


def _refused(key: str, problem: str, fix: str) -> Issue:
    return Issue("LMI309", "error", key, f"{problem}; the model does not load", fix)


def _stages(view: View, found: Degrees) -> Iterator[Issue]:
    """What becomes of the pipeline degree, which some readers divide or multiply by."""
    stages, text = found.pipeline, view.settings.get(TENSOR)
    is_python = not view.is_mpi
    has_degree = text is not None and (text == ALL or (found.tensor or 0) > 0)
    if stages > 1 and _is_neuron(view):
        if view.table.server["pipeline_degree"] == "always":
            yield _refused(PIPELINE, f"is {stages}, and NeuronCores share no stages", "remove it")
    elif not found.is_counted or stages == 1:
        return
    elif stages == 0 and (text is None or (is_python and has_degree)):
        yield _refused(PIPELINE, "is 0, by which the server divides", FROM_ONE)
    elif stages == 0 and view.is_mpi:
        problem = "is 0, for which the server takes 1"
        yield Issue("LMI308", "warning", PIPELINE, problem, f"{PIPELINE}=1")
    elif stages < 0 and (view.is_mpi or has_degree):
        yield _refused(PIPELINE, f"is {stages}", FROM_ONE)
    elif stages > 1 and is_python and text == ALL:
        problem = f"is {ALL}, which the server counts for each of {stages} stages"
        yield _refused(TENSOR, problem, "the number of GPUs of one stage")


def devices_of_a_copy(view: View) -> int | None:
    """Devices that the server sets aside for one copy; None where it starts none, or who knows."""
    found = degrees(view)
    if found is None or found.tensor is None:
        return None
    stages = found.pipeline or int(view.is_mpi)
    copy = found.tensor * (stages if found.is_counted else 1)
    return copy if copy > 0 else None


def degrees_fit_the_devices(view: View) -> Iterator[Issue]:
    """LMI201, LMI207: the degrees against the devices, and the copies they imply."""
    copy, devices = devices_of_a_copy(view), view.devices
    if copy is None or devices is None or view.instance is None:
        return
    settings, machine, kind = view.settings, view.instance.name, _kind(view)

    def counted(number: int) -> str:
        return f"{number} {kind if number > 1 else kind[:-1]}"

    key = PIPELINE if PIPELINE in settings and TENSOR not in settings else TENSOR
    if copy > devices:
        is_plain = settings.get(key) == str(copy)
        what = f"is {copy}" if is_plain else f"makes copies of {counted(copy)}"
        fitting = [str(item) for item in range(1, devices + 1) if devices % item == 0]
        fix = f"{', '.join(fitting)} here, or an instance type with {counted(copy)}"
        yield Issue("LMI201", "error", key, f"{what}, but {machine} has {counted(devices)}", fix)
    elif devices % copy:
        problem = f"leaves {devices % copy} of {devices} {kind} idle"
        yield Issue("LMI201", "warning", key, problem)
    elif devices > copy:
        problem = (
            f"makes {devices // copy} copies of the model on {devices} {kind}; "
            "the rolling batch counts for each of them"
        )
        yield Issue("LMI207", "note", key, problem)


def handler_sees_its_devices(view: View) -> Iterator[Issue]:
    """LMI309: the Hugging Face handler wants as many GPUs as both degrees come to.

    It sees those of one copy, and on 0.29.0 those of one stage, times the cluster size.
    """
    settings = view.settings
    if CLUSTER not in settings and PIPELINE not in settings:
        return
    if view.handler not in HUGGING_FACE or _is_neuron(view) or settings.get("option.device_map"):
        return
    found, when = degrees(view), view.table.server["pipeline_degree"]
    if found is None or when == "never" or (when == "always" and not view.has_rolling_batch):
        return
    if found.pipeline <= 0 or (found.tensor is not None and found.tensor <= 0):
        return
    machines = as_number(settings.get(CLUSTER, "1"))
    is_right = machines == (1 if when == "always" else found.pipeline)
    if machines is None or machines <= 0 or is_right:
        return
    key = CLUSTER if CLUSTER in settings and machines > 1 else PIPELINE
    problem = f"is {settings[key]}, by which the handler expects other GPUs than it sees"
    yield _refused(key, problem, f"{key}=1, or option.device_map")


def fewest_workers_are_not_above_the_most(view: View) -> Iterator[Issue]:
    """LMI308: the server quietly takes the smaller of both numbers for the fewest workers.

    Source: WorkerGroup.java and ModelInfo.getWorkersMinMaxProperty of djl-serving, every version.
    """
    settings = view.settings
    if "maxWorkers" not in settings and "gpu.maxWorkers" not in settings:
        return
    for prefix in ("", "gpu."):
        keys = [key if key in settings else key.removeprefix(prefix)
                for key in (f"{prefix}minWorkers", f"{prefix}maxWorkers")]  # fmt: skip
        if prefix and not any(key.startswith(prefix) for key in keys):
            continue
        fewest, most = (view.number(key) for key in keys)
        if fewest is not None and most is not None and fewest > most > 0:
            problem = f"is {fewest}, above {keys[1]}, which is {most}; the server starts {most}"
            yield Issue("LMI308", "warning", keys[0], problem, f"at most {keys[1]}")


def workers_have_devices(view: View) -> Iterator[Issue]:
    """LMI201: under MPI the server refuses more workers than there are groups of devices.

    Source: PyModel.java of djl-serving, every version.
    """
    settings = view.settings
    if not view.is_mpi or not ("maxWorkers" in settings or "gpu.maxWorkers" in settings):
        return
    copy, devices = devices_of_a_copy(view), view.devices
    if copy is None or devices is None or copy > devices:
        return
    for key in ("maxWorkers", "gpu.maxWorkers"):
        workers = view.number(key)
        if workers is not None and workers > devices // copy:
            problem = f"is {workers}, but {devices} {_kind(view)} hold {devices // copy} copies"
            yield Issue("LMI201", "error", key, problem, f"at most {devices // copy}")
