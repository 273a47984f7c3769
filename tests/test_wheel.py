"""What people install: the wheel works in an empty environment, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
OURS = ("lmi_deployer", "templates", "profiles")


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """The standard output of a command, which has to succeed."""
    process = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=ROOT)
    return folder


def ours() -> set[str]:
    """Every file of the package and its data."""
    files = (path for name in OURS for path in (ROOT / name).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}


def installed(wheel: Path, folder: Path, extra: str = "") -> Path:
    """The scripts of an environment with the wheel and what it says it requires, no more.

    What it requires comes from the environment of the tests, in the locked versions: no index has
    to be reached, and no release of today decides whether a change may land.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=ROOT)
    python = folder / "bin/python"
    install = (sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--quiet")
    run(*install, "--no-deps", wheel, folder=ROOT)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(run(python, "-c", where, folder=folder).strip())
    (metadata,) = site.glob("lmi_deploy-*.dist-info")
    for found in required(Distribution.at(metadata), extra):
        tops = {file.parts[0] for file in found.files or ()} - {"..", "__pycache__"}
        for name in tops:
            (site / name).symlink_to(str(found.locate_file(name)))
    return folder / "bin"


def required(wanted: Distribution, extra: str) -> Iterator[Distribution]:
    """What a distribution and an extra of it require, and what that requires, each once."""
    own = canonicalize_name(wanted.name)
    pending, seen, given = [(wanted, extra)], {(own, extra)}, {own}
    while pending:
        current, chosen = pending.pop()
        for needed in map(Requirement, current.requires or ()):
            if needed.marker is not None and not needed.marker.evaluate({"extra": chosen}):
                continue
            name = canonicalize_name(needed.name)
            found = wanted if name == own else distribution(name)
            if name not in given:
                given.add(name)
                yield found
            more = {(name, item) for item in ("", *needed.extras)} - seen
            seen |= more
            pending += [(found, item) for _, item in more]


def test_the_wheel_carries_every_file_of_the_package_and_its_data(built: Path):
    (wheel,) = built.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for path in ours():
        inside = path if path.startswith("lmi_deployer/") else f"lmi_deployer/_data/{path}"
        assert inside in held


def test_the_sdist_carries_every_file_too(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert ours() <= held


def test_the_main_job_runs_from_the_wheel_in_an_empty_environment(built: Path, tmp_path: Path):
    (wheel,) = built.glob("*.whl")
    command = installed(wheel, tmp_path / "empty", "sandbox") / "lmi-deploy"
    work, home = tmp_path / "work", {"HOME": str(tmp_path)}
    work.mkdir()
    state = ("--sandbox", "--sandbox-state", tmp_path / "state", "--yes")
    first = run(command, "llama2-70b", "--profile", "p4d", *state, folder=work, **home)
    assert "llama2-70b / p4d is InService as endpoint llama2-70b-p4d" in first
    second = run(command, "llama2-70b", "--profile", "p4d", *state, folder=work, **home)
    assert "llama2-70b / p4d is up to date (InService)" in second
    rendered = run(command, "render", "llama2-70b", "-p", "p4d", folder=work, **home)
    golden = ROOT / "tests/golden/llama2-70b/p4d/serving.properties"
    assert rendered == golden.read_text()
    assert "ok  " in run(command, "validate", folder=work, **home)


def test_the_base_install_works_without_the_extras_and_names_the_one_it_lacks(
    built: Path, tmp_path: Path
):
    (wheel,) = built.glob("*.whl")
    command = installed(wheel, tmp_path / "base") / "lmi-deploy"
    assert "engine=MPI" in run(command, "render", "llama2-70b", "-p", "p4d", folder=tmp_path)
    for arguments, extra in (
        (["plan", "llama2-70b", "-p", "p4d"], "aws"),
        (["up", "llama2-70b", "-p", "p4d", "--sandbox"], "sandbox"),
    ):
        process = subprocess.run(
            [command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert process.returncode == 2
        assert f"fix: pip install 'lmi-deploy[{extra}]'" in process.stderr
        assert "Traceback" not in process.stderr
