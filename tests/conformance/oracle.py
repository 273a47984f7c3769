"""Asks the server's own Python code, taken from its repository, what it makes of settings.

The repository of djl-serving is named by the environment variable DJL_SERVING_REPOSITORY; a bare
one will do, with the branches `<version>-dlc` local or of a remote.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

from lmi_deployer.catalog.versions import versions_in
from tests.conformance.cases import Case
from tests.conformance.classify import Answer, Verdict, classify
from tests.conformance.handover import hand_over
from tests.conformance.java import BeyondTheOracleError, RejectedByServerError
from tests.conformance.server_table import load_table

PACKAGE = "engines/python/setup"
CHILD = "tests.conformance.inside.child"
ROOT = Path(__file__).parents[2]

Fields: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Class -> field -> its kind, choices, default and keys, as inside/describe.py tells them."""
VllmFields: TypeAlias = Callable[[str], Sequence[str] | None]
"""Version -> the fields of EngineArgs in the vLLM that its image bundles; None when unknown."""


def no_vllm_fields(_: str) -> None:
    """Nothing known, so that every key counts as vLLM's own where the server would look there."""


def repository() -> Path | None:
    """Where djl-serving is checked out; None when DJL_SERVING_REPOSITORY is not set."""
    path = os.environ.get("DJL_SERVING_REPOSITORY")
    return Path(path) if path else None


def branch_of(repo: Path, version: str) -> str:
    """The commit of a version. Raises LookupError when the repository has no branch of it."""
    for ref in (f"refs/heads/{version}-dlc", f"refs/remotes/*/{version}-dlc"):
        found = _git(repo, "for-each-ref", "--format=%(objectname)", ref).decode().split()
        if found:
            return found[0]
    raise LookupError(f"{repo} has no branch {version}-dlc")


def tree_of(repo: Path, version: str, folder: str = "") -> str:
    """The git tree of a folder of the Python package: equal where two versions have equal code."""
    path = f"{PACKAGE}/djl_python/{folder}".rstrip("/")
    return _git(repo, "rev-parse", f"{branch_of(repo, version)}:{path}").decode().strip()


@dataclass(frozen=True)
class Oracle:
    """The unpacked Python package of one version, ready to be asked."""

    version: str
    folder: Path
    vllm_fields: Sequence[str] | None

    def judge(self, cases: Sequence[Case]) -> list[Verdict | None]:
        """The server's verdict on each case, all of them of this version; None for an open one."""
        table = load_table()
        verdicts: dict[int, Verdict | None] = {}
        questions: list[dict[str, Any]] = []
        for number, case in enumerate(cases):
            row = table.backend(self.version, case.backend)
            try:
                handed = hand_over(table, self.version, row, case.properties, case.devices)
            except RejectedByServerError as error:
                verdicts[number] = Verdict.rejection(str(error))
                continue
            except BeyondTheOracleError:
                verdicts[number] = None
                continue
            questions.append(
                {
                    "id": number,
                    "handler": handed.handler,
                    "properties": handed.properties,
                    "gpus": handed.gpus,
                    "environment": handed.environment,
                }
            )
        for answer in self.ask(questions):
            number = answer.pop("id")
            verdicts[number] = classify(table, cases[number], Answer(**answer))
        return [verdicts[number] for number in range(len(cases))]

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The child's answers to questions in the form that inside/child.py describes."""
        lines = [self._setup(), *questions]
        yield from map(json.loads, self._run(lines).splitlines())

    def fields(self) -> Fields:
        """Every settings class of this version with its fields."""
        return json.loads(self._run([self._setup() | {"describe": True}]))  # type: ignore[no-any-return]

    def _setup(self) -> dict[str, Any]:
        table = load_table()
        is_old = self.version in versions_in(table.pydantic_1, table.order)
        return {
            "package": str(self.folder / PACKAGE),
            "pydantic": 1 if is_old else 2,
            "vllm_fields": self.vllm_fields and list(self.vllm_fields),
        }

    def _run(self, lines: Sequence[Mapping[str, Any]]) -> str:
        with tempfile.TemporaryDirectory() as working_folder:
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", CHILD],
                input="".join(json.dumps(line) + "\n" for line in lines),
                capture_output=True,
                text=True,
                cwd=working_folder,
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "PYTHONPATH": str(ROOT),
                    "TMPDIR": working_folder,
                },
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"the code of {self.version} cannot be run:\n{done.stderr[-4000:]}")
        return done.stdout


@contextmanager
def open_oracle(
    repo: Path, version: str, vllm_fields: VllmFields = no_vllm_fields
) -> Iterator[Oracle]:
    """The oracle of one version; its temporary folder is gone afterwards."""
    archive = _git(repo, "archive", branch_of(repo, version), f"{PACKAGE}/djl_python")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        yield Oracle(version, Path(folder), vllm_fields(version))


def _git(repo: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repo), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout
