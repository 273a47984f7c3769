"""What runs inside containers runs on the Python of the oldest of them, and on nothing of ours."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "lmi_deployer"
FOLDERS = ("artifact", "entry_point")
OLDEST = "3.8"
SHIPPED = tuple(f"lmi_deployer.{folder}" for folder in FOLDERS)
FILES = sorted(path for folder in FOLDERS for path in (PACKAGE / folder).rglob("*.py"))


def vermin(*files: Path) -> subprocess.CompletedProcess[str]:
    """Vermin's verdict; it ends with 1 for files that need a newer Python."""
    command = [sys.executable, "-c", "import vermin; vermin.main()", "--violations", "--no-tips"]
    return subprocess.run(
        [*command, f"--target={OLDEST}-", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_needs_no_newer_python():
    ended = vermin(*FILES)
    assert ended.returncode == 0, ended.stdout


def test_a_newer_python_would_be_noticed(tmp_path: Path):
    newer = tmp_path / "newer.py"
    newer.write_text("'a'.removeprefix('b')\n")
    assert "removeprefix" in vermin(newer).stdout


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not the house's"
            assert node.module is not None
            if node.module == "lmi_deployer":
                yield from (f"lmi_deployer.{alias.name}" for alias in node.names)
            else:
                yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_it_imports_nothing_of_lmi_deploy_that_is_not_shipped(path: Path):
    ours = [name for name in imported(ast.parse(path.read_text())) if "lmi_deployer" in name]
    assert [name for name in ours if not name.startswith(SHIPPED)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_importing_it_needs_the_standard_library_alone(path: Path):
    tree = ast.parse(path.read_text())
    at_the_top = ast.Module(
        [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], []
    )
    others = {name.partition(".")[0] for name in imported(at_the_top)} - {"lmi_deployer"}
    assert others <= sys.stdlib_module_names
