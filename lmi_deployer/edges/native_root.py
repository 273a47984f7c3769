"""What stands for the LMI image on this machine: a folder, the library, the GPUs."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from lmi_deployer import catalog
from lmi_deployer.compiling import native_build
from lmi_deployer.edges.local_jobs import JobFolder, mounts
from lmi_deployer.errors import InputError, MissingExtraError
from lmi_deployer.steps import CompileEngine

PACKAGE = "tensorrt_llm"


def require_library(step: CompileEngine) -> None:
    """Raise InputError unless what is installed here builds what the image of a step serves."""
    version = str(step.job["inputs"]["image"]).partition("-")[0]
    known = version in catalog.names(catalog.CONTAINERS)
    compiler = catalog.compiler(version, "trtllm") if known else None
    if compiler is None or not compiler.builds_natively or step.job["layout"] != compiler.layout:
        raise InputError(
            f"LMI {version} does not build its engines with tensorrt-llm from PyPI",
            fix="--runner docker or --runner sagemaker",
        )
    wanted = step.job["inputs"]["libraries"][PACKAGE]
    install = f"pip install 'lmi-deploy[trtllm]', which has {wanted}, in an environment of its own"
    try:
        installed = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("compiling here needs tensorrt-llm", fix=install) from error
    if installed != wanted:
        raise InputError(
            f"the image of LMI {version} has tensorrt-llm {wanted}, installed here is {installed};"
            " an engine runs with the version that has built it",
            fix=install,
        )


def furnish(
    root: Path,
    folder: JobFolder,
    step: CompileEngine,
    *,
    weights: Path | None,
    gpus: list[str],
) -> None:
    """Make `root` look like the image as far as the entry point looks: folders, script, GPUs."""
    shutil.rmtree(root, ignore_errors=True)
    for source, target, _ in mounts(folder, weights=weights):
        below(root, target).parent.mkdir(parents=True, exist_ok=True)
        below(root, target).symlink_to(source.absolute(), target_is_directory=True)
    script = below(root, step.job["script"][0])
    script.parent.mkdir(parents=True)
    shutil.copyfile(str(native_build.__file__), script)
    memory = Path("/proc/meminfo")
    if memory.exists():
        below(root, str(memory)).parent.mkdir()
        below(root, str(memory)).symlink_to(memory)
    # The entry point judges all GPUs that it sees, and is to see those that were chosen.
    smi = below(root, "/usr/bin/nvidia-smi")
    smi.parent.mkdir(parents=True)
    command = shlex.join([shutil.which("nvidia-smi") or "nvidia-smi", "-i", ",".join(gpus)])
    smi.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    smi.chmod(0o755)


def environment(root: Path, gpus: list[str], own: Mapping[str, str]) -> dict[str, str]:
    """Variables of the process: this command's, without those of AWS, which it does not need."""
    kept = {name: text for name, text in own.items() if not name.startswith("AWS_")}
    path = f"{below(root, '/usr/bin')}{os.pathsep}{own.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, "CUDA_VISIBLE_DEVICES": ",".join(gpus), "PYTHONUNBUFFERED": "1"}


def below(root: Path, path: str) -> Path:
    """Where an absolute path of the image lies."""
    return root / path.lstrip("/")
