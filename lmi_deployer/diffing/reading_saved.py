"""Snapshots of what was saved: a plan of `plan --out`, a bundle of `render --out`."""

from __future__ import annotations

import re
from pathlib import Path

from lmi_deployer.bundle import ARCHIVE_FILE
from lmi_deployer.diffing.snapshot import Snapshot
from lmi_deployer.edges.files import read_bytes, read_text
from lmi_deployer.errors import InputError
from lmi_deployer.impact import UNKNOWN, Deployed
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.unpacking import properties_in

MODEL_FOLDER = "model"
_TITLE = re.compile(r"# (?P<profile>[a-z0-9-]+) / (?P<hardware>[a-z0-9-]+) on LMI ")
"""The first line that rendering writes."""


def is_bundle(folder: Path) -> bool:
    """Whether a folder holds the files of one deployment, as `render --out` writes them."""
    return any(path.is_file() for path in _forms(folder))


def _forms(folder: Path) -> tuple[Path, Path, Path]:
    return (
        folder / MODEL_FOLDER / PROPERTIES_FILE,
        folder / ARCHIVE_FILE,
        folder / PROPERTIES_FILE,
    )


def snapshot_of_plan(path: Path, *, beside_a_profile: bool = False) -> Snapshot:
    """What a saved plan brings about. Raises InputError for any other file.

    `beside_a_profile`, it is what its profile came to before anybody looked for an engine: nobody
    looks for the engine of the other side either.
    """
    from lmi_deployer.plan_file import parse_plan

    saved = parse_plan(read_text(path), str(path))
    if saved.decided is None:
        fix = "a plan of `lmi-deploy plan MODEL -p HARDWARE --out FILE`"
        raise InputError(f"{path} removes {saved.title}: there is nothing to compare", fix=fix)
    if beside_a_profile and saved.decided.as_asked is not None:
        return saved.decided.as_asked
    return saved.decided.snapshot


def snapshot_of_bundle(folder: Path) -> Snapshot:
    """What is in a bundle: its serving.properties, and nothing of machines or the endpoint.

    Raises InputError for a folder that holds none.
    """
    loose, packed, alone = _forms(folder)
    if packed.is_file():
        content, packaging = properties_in(read_bytes(packed), str(packed)), "tar.gz"
    elif loose.is_file() or alone.is_file():
        content, packaging = read_bytes(loose if loose.is_file() else alone), "prefix"
    else:
        fix = "a folder of `lmi-deploy render MODEL -p HARDWARE --out FOLDER`"
        raise InputError(f"{folder} holds no {PROPERTIES_FILE}", fix=fix)
    from lmi_deployer.server.reading_properties import read_properties

    found = _TITLE.match(content[:200].decode("ascii", "replace"))
    absolute = folder.resolve()
    return Snapshot(
        profile=found["profile"] if found else absolute.parent.name,
        hardware=found["hardware"] if found else absolute.name,
        file=str(folder),
        deployed=Deployed(
            endpoint=UNKNOWN,
            properties=read_properties(content).properties,
            model={"packaging": packaging},
            endpoint_config=None,
            engine=UNKNOWN,
        ),
        is_decided=False,
    )
