"""What people install: the wheel works in an empty environment, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

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


def tracked() -> set[str]:
    return set(run("git", "ls-files", *OURS, folder=ROOT).split())


def test_the_wheel_carries_every_file_of_the_package_and_its_data(built: Path):
    (wheel,) = built.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    for path in tracked():
        inside = path if path.startswith("lmi_deployer/") else f"lmi_deployer/_data/{path}"
        assert inside in held


def test_the_sdist_carries_every_file_too(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked() <= held


def test_the_main_job_runs_from_the_wheel_in_an_empty_environment(built: Path, tmp_path: Path):
    (wheel,) = built.glob("*.whl")
    run("uv", "venv", "--python", sys.executable, "empty", folder=tmp_path, PATH=scripts())
    python, home = tmp_path / "empty/bin/python", {"HOME": str(tmp_path)}
    install = ("uv", "pip", "install", "--python", python, "--quiet")
    run(*install, f"lmi-deploy[sandbox] @ {wheel.as_uri()}", folder=tmp_path, PATH=scripts())
    command = tmp_path / "empty/bin/lmi-deploy"
    work = tmp_path / "work"
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
    run("uv", "venv", "--python", sys.executable, "base", folder=tmp_path, PATH=scripts())
    install = ("uv", "pip", "install", "--python", tmp_path / "base/bin/python", "--quiet")
    run(*install, wheel, folder=tmp_path, PATH=scripts())
    command = tmp_path / "base/bin/lmi-deploy"
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


def scripts() -> str:
    """A PATH on which the tools of this environment come first."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
