"""A folder that looks like an LMI container from inside, and how the entry point runs in it.

What the image has and this machine lacks is stood in for: the compile scripts, `nvidia-smi`,
`djl-serving`, `huggingface_hub` and `transformers`. The entry point itself is the real one.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lmi_deployer import catalog
from lmi_deployer.entry_point.job import ARCHIVE_FILE, JOB_FOLDER, MODEL_FOLDER
from lmi_deployer.sandbox import stand_ins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lmi_deployer.catalog.compiler_rows import Compiler
    from lmi_deployer.catalog.rows import Backend

STAND_IN = "LMI_DEPLOY_STAND_IN"
"""Variable that tells the stand-ins to misbehave: a mode of `stand_in_compiler`, or of ours."""
ENTRY_POINT = f"{JOB_FOLDER}/{ARCHIVE_FILE}"
MIB_PER_GIB = KIB_PER_MIB = 1024
_MODULES = "opt/stand-ins"
_FOLDERS = (
    "opt/ml/input/config",
    "opt/ml/model",
    "opt/ml/output",
    "opt/ml/checkpoints",
    "root",
    "tmp",
    JOB_FOLDER[1:],
    MODEL_FOLDER[1:],
)
_SHIMS = {
    "huggingface_hub/__init__.py": "from lmi_stand_ins.hub import HfApi, snapshot_download\n",
    "huggingface_hub/errors.py": "from lmi_stand_ins.hub import *\n",
    "huggingface_hub/utils/__init__.py": "from lmi_stand_ins.hub import *\n",
    "transformers/__init__.py": "from lmi_stand_ins.language import *\n",
}
_SCRIPT = """\
import sys

from lmi_deployer.sandbox.stand_in_compiler import main

sys.exit(main(version={version!r}, backend={backend!r}, argv=sys.argv[1:]))
"""


class UnknownImageError(Exception):
    """An image that is none of the catalog's."""


@dataclass(frozen=True, kw_only=True)
class LmiImage:
    """An LMI image, and the backends of it that compile ahead of time."""

    version: str
    compilers: Mapping[Backend, Compiler]


def lmi_image(image: str) -> LmiImage:
    """The image that a tag, or an address that ends in one, names. Raises UnknownImageError."""
    tag = image.partition("@")[0].rpartition(":")[2]
    for version, row in catalog.raw_rows(catalog.CONTAINERS).items():
        flavors = [name for name, found in row["flavors"].items() if found["tag"] == tag]
        if flavors:
            backends = catalog.container(version).backends.items()
            ours = [backend for backend, facts in backends if facts.flavor in flavors]
            known = {backend: catalog.compiler(version, backend) for backend in ours}
            compilers = {backend: facts for backend, facts in known.items() if facts}
            return LmiImage(version=version, compilers=compilers)
    raise UnknownImageError(f"{image} is no LMI image that the sandbox knows by its tag")


def prepare(
    root: Path,
    *,
    image_tag: str,
    gpu: str | None,
    gpu_count: int,
    host_memory_gib: float | None = None,
) -> None:
    """Make `root` a container of this image, on a machine with these GPUs of the catalog.

    Whatever is in the channels' folders already stays. Raises UnknownImageError.
    """
    image = lmi_image(image_tag)
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for backend, compiler in image.compilers.items():
        script = _SCRIPT.format(version=image.version, backend=backend)
        _write(below(root, compiler.script), script)
    modules = root / _MODULES
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        Path(stand_ins.__file__).parent,
        modules / "lmi_stand_ins",
        ignore=ignored,
        dirs_exist_ok=True,
    )
    for name, content in _SHIMS.items():
        _write(modules / name, content)
    if host_memory_gib is not None:
        kib = int(host_memory_gib * MIB_PER_GIB * KIB_PER_MIB)
        _write(root / "proc/meminfo", f"MemTotal: {kib} kB\n")
    gpus = _gpus(gpu, gpu_count)
    _write(modules / "lmi_stand_ins" / "gpus.json", json.dumps(gpus))
    _command(root, "nvidia-smi", "-m", "lmi_stand_ins.nvidia_smi")
    _command(root, "djl-serving", "-m", "lmi_stand_ins.djl_serving")
    _command(root, "python3")


def environment(
    root: Path, *, endpoint_url: str, region: str, access_key_id: str, secret_access_key: str
) -> dict[str, str]:
    """All variables of a process in the container; nothing of the user's own gets in."""
    package = Path(__file__).parents[2]
    return {
        "PATH": os.pathsep.join([str(root / "usr/bin"), "/usr/local/bin", "/usr/bin", "/bin"]),
        "PYTHONPATH": os.pathsep.join([str(root / _MODULES), str(package)]),
        "PYTHONUNBUFFERED": "1",
        "HOME": str(root / "root"),
        "TMPDIR": str(root / "tmp"),
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def command(root: Path) -> list[str]:
    """The command line of the entry point in the container."""
    return [sys.executable, str(below(root, ENTRY_POINT)), "--root", str(root)]


def below(root: Path, path: str) -> Path:
    """Where an absolute path of the container lies."""
    return root / PurePosixPath(path).relative_to("/")


def _gpus(gpu: str | None, count: int) -> dict[str, object] | None:
    facts = catalog.gpu(gpu) if gpu is not None else None
    if facts is None or facts.vendor != "nvidia":
        return None
    return {
        "name": f"NVIDIA {facts.name}",
        # nvidia-smi says less than the nominal size too; this is the least a job has to accept.
        "memory_mib": int(facts.usable_memory_gib * MIB_PER_GIB),
        "compute_capability": facts.compute_capability,
        "count": count,
    }


def _command(root: Path, name: str, *arguments: str) -> None:
    """A program of the container that runs this machine's Python."""
    python = shlex.join([sys.executable, *arguments])
    path = root / "usr/bin" / name
    _write(path, f'#!/bin/sh\nexec {python} "$@"\n')
    path.chmod(0o755)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
