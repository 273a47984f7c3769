"""Where the weights are: mounted into the container, or downloaded from the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Mapping, Optional

from lmi_deployer.entry_point.causes import find_cause
from lmi_deployer.entry_point.failures import JobError, failed
from lmi_deployer.entry_point.job import DOWNLOAD_FOLDER, Job
from lmi_deployer.entry_point.log import Log
from lmi_deployer.entry_point.machine import free_bytes
from lmi_deployer.entry_point.places import Places, empty
from lmi_deployer.entry_point.running import Deadline, run_python

_READS_BIN = ("deepspeed_checkpoint",)
"""Layouts whose script also reads *.bin where there are safetensors."""
_WRITES_BESIDE = ("neuron_compiled_model",)
"""Layouts whose script may write into the folder of the weights, which is mounted to be read.

Source: djl-serving@0.26.0-dlc:engines/python/setup/djl_python/neuron_utils/model_loader.py
"""


@dataclass(frozen=True)
class Weights:
    """The weights as the compile script finds them."""

    folder: Path
    size_bytes: int
    commit: Optional[str] = None
    """Of the hub's repository, as it was downloaded; None for what was mounted."""


def prepare(
    job: Job, places: Places, *, log: Log, environment: Mapping[str, str], deadline: Deadline
) -> Weights:
    """The weights of a job, on this machine. Raises JobError where they cannot be had."""
    if job.model.is_mounted:
        weights = _mounted(job, places)
    else:
        weights = _downloaded(job, places, log=log, environment=environment, deadline=deadline)
    if not (weights.folder / "config.json").is_file():
        raise JobError(
            f"the weights of {job.model.model_id} have no config.json at their top, so they are"
            " not in the format of Hugging Face",
            fix="a checkpoint in that format, such as the repositories whose name ends in -hf",
        )
    return weights


def size_of(folder: Path) -> int:
    """Bytes of all files below `folder`, those that links lead to included."""
    return sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())


def _mounted(job: Job, places: Places) -> Weights:
    folder = places.below(job.model.folder)
    size = size_of(folder) if folder.is_dir() else 0
    if not size:
        raise JobError(
            f"{job.model.folder} is empty, where the weights of {job.model.model_id} should be"
            " mounted",
            fix="a model.source that holds the weights: `aws s3 ls` shows what is there",
        )
    if job.layout not in _WRITES_BESIDE:
        return Weights(folder, size)
    return Weights(_linked(folder, places.below(DOWNLOAD_FOLDER)), size)


def _linked(folder: Path, view: Path) -> Path:
    """A folder that may be written to, with a link to every file of another one."""
    if view.is_symlink():
        view.unlink()
    empty(view)
    for item in folder.rglob("*"):
        if item.is_file():
            link = view / item.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(item)
    return view


def _downloaded(
    job: Job, places: Places, *, log: Log, environment: Mapping[str, str], deadline: Deadline
) -> Weights:
    model = job.model
    cache, answer = _roomiest(job, places), places.work / "downloaded.json"
    if answer.exists():
        answer.unlink()
    asked = {
        "model_id": model.model_id,
        "revision": model.revision,
        "cache": str(cache),
        "free_bytes": free_bytes(cache),
        "reads_bin": job.layout in _READS_BIN,
        "answer": str(answer),
    }
    program = run_python(
        places.archive,
        "downloading",
        [json.dumps(asked)],
        log=log,
        environment=_with_token(environment),
    )
    with program:
        status = program.wait(deadline.remaining)
    if status is None:
        raise deadline.error("download", program.lines)
    what = f"downloading {model.model_id} at {model.revision or 'its current revision'}"
    if status != 0 or not answer.is_file():
        raise failed(f"{what} failed", program.lines, find_cause(program.lines))
    got = json.loads(answer.read_text())
    if model.revision and model.revision != got["commit"]:
        raise JobError(f"{what} gave commit {got['commit']}")
    link = places.below(model.folder)
    _point(link, Path(got["folder"]))
    return Weights(link, got["size_bytes"], got["commit"])


def _roomiest(job: Job, places: Places) -> Path:
    """An empty folder for the files, where there is most room.

    Only what lies below /opt/ml is promised to be on a job's data volume; /tmp may be anywhere.
    """
    beside = places.below(f"{job.model.folder}-files")
    on_volume = places.output.with_name("model-files")
    for folder in (beside, on_volume):
        empty(folder)
    return max(beside, on_volume, key=free_bytes)


def _point(link: Path, target: Path) -> None:
    """Make the folder that the compile script is told lead to the one that the hub wrote."""
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        empty(link)
        link.rmdir()
    link.symlink_to(target, target_is_directory=True)


def _with_token(environment: Mapping[str, str]) -> Dict[str, str]:
    """Versions of huggingface_hub before 0.19 know the token under its older name alone."""
    token = environment.get("HF_TOKEN")
    if not token or "HUGGING_FACE_HUB_TOKEN" in environment:
        return dict(environment)
    return {**environment, "HUGGING_FACE_HUB_TOKEN": token}
