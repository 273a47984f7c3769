"""Which modules of the server a compile script unpacks, and which its handler imports."""

from __future__ import annotations

import ast
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.conformance.compilers.scripts import source_of
from tests.conformance.oracle import PACKAGE, branch_of

ALWAYS = ("djl_python.inputs", "djl_python.service_loader")
"""What run_partition.py imports."""


def unpacked(repo: Path, version: str) -> set[str] | None:
    """The files that utils.py takes out of the server's archive; None for all of them."""
    for node in ast.parse(source_of(repo, version, "utils.py")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FILES_TO_EXTRACT":
            return set(ast.literal_eval(node.value))
    return None


def imported(repo: Path, version: str, handler: str) -> set[str]:
    """The files of the server that importing a handler reads, without what functions import."""
    files: set[str] = set()
    waiting = [handler, *ALWAYS]
    while waiting:
        module = waiting.pop()
        for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
            text = None if path in files else _text(repo, version, path)
            if text is not None:
                files.add(path)
                package = module if path.endswith("__init__.py") else module.rpartition(".")[0]
                waiting.extend(_imports(_parsed(text), package))
    return files


def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its escape sequences are the server's own matter
        return ast.parse(text)


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join(above) if node.level else ""
            base = ".".join(filter(None, (prefix, node.module)))
            if base.startswith("djl_python"):
                parts = base.split(".")
                yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
                yield from (f"{base}.{name.name}" for name in node.names)


def _text(repo: Path, version: str, path: str) -> str | None:
    where = f"{branch_of(repo, version)}:{PACKAGE}/{path}"
    done = subprocess.run(
        ["git", "-C", str(repo), "show", where], check=False, capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else None
