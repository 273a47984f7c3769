"""The archive that is shipped into containers."""

from __future__ import annotations

import ast
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import lmi_deployer
from lmi_deployer.aot.archive import PACKAGES, entry_archive

PACKAGE = Path(lmi_deployer.__file__).parent
SOURCES = sorted(path for name in PACKAGES for path in (PACKAGE / name).rglob("*.py"))
MAX_BYTES = 200_000
"""It is read in reviews and uploaded for every job."""


def names() -> list[str]:
    return zipfile.ZipFile(io.BytesIO(entry_archive())).namelist()


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{item.name}" for item in node.names)


def test_the_same_sources_give_the_same_bytes():
    entry_archive.cache_clear()
    first = entry_archive()
    entry_archive.cache_clear()
    assert entry_archive() == first
    entries = zipfile.ZipFile(io.BytesIO(first)).infolist()
    assert {item.compress_type for item in entries} == {zipfile.ZIP_STORED}, "zlibs differ"


def test_it_holds_what_runs_in_the_container_and_nothing_else():
    ours = {path.relative_to(PACKAGE.parent).as_posix() for path in SOURCES}
    assert set(names()) == {"__main__.py", "lmi_deployer/__init__.py", *ours}
    assert len(entry_archive()) < MAX_BYTES


def test_it_runs_without_the_package_and_without_any_other(tmp_path):
    archive = tmp_path / "compile.pyz"
    archive.write_bytes(entry_archive())
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(archive), "--root", str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "job.json: No such file or directory" in done.stdout


def test_it_imports_no_module_that_is_not_in_it():
    held = {name.removesuffix(".py").replace("/", ".") for name in names()}
    allowed = held | {name.removesuffix(".__init__") for name in held}
    for path in SOURCES:
        for name in imports_of(path):
            if name.startswith("lmi_deployer."):
                assert name in allowed or name.rpartition(".")[0] in allowed, (path, name)


def test_it_runs_on_the_oldest_python_of_an_image():
    """Neuron images before 0.26.0 have Python 3.8; vermin knows what each version brought."""
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from vermin import main; main()"),
            *("--target=3.8-", "--no-tips", "--violations", "--processes=1"),
            *map(str, SOURCES),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
