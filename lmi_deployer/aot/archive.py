"""The entry point as one file: the part of this package that runs inside containers, zipped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("artifact", "entry_point")
"""What the container needs of lmi_deployer, beside its __init__.py; they import nothing else."""
_MAIN = """\
import runpy

runpy.run_module("lmi_deployer.entry_point.__main__", run_name="__main__")
"""
_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that a zip file can hold
_MODE = 0o644 << 16


@cache
def entry_archive() -> bytes:
    """A zip application of the entry point; the same bytes for the same sources, everywhere.

    Stored as they are: what zlib makes of them differs between its builds.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted(_files()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = _MODE
            entry.create_system = 3  # Unix, also where this runs on Windows
            archive.writestr(entry, content)
    return buffer.getvalue()


def _files() -> Iterator[tuple[str, bytes]]:
    package = Path(__file__).parents[1]
    yield "__main__.py", _MAIN.encode()
    sources = [package / "__init__.py"]
    for name in PACKAGES:
        sources += (package / name).rglob("*.py")
    for source in sources:
        # Line ends as in the repository, whatever a checkout made of them.
        content = source.read_bytes().replace(b"\r\n", b"\n")
        yield f"{package.name}/{source.relative_to(package).as_posix()}", content
