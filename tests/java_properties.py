"""Reads properties files with Java itself, the language of the server that reads them for real."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = Path(__file__).parent / "java" / "PrintProperties.java"
OLDEST_JDK = 17
NO_JAVA = f"needs `java` of a JDK {OLDEST_JDK} or newer on the PATH"
"""Why a test that needs Java is skipped."""


@cache
def has_java() -> bool:
    """Tell whether `java` can run a source file: a JDK, not only a runtime, and not too old."""
    if shutil.which("java") is None:
        return False
    listed = _java("--list-modules", check=False).stdout
    compiler = re.search(r"^jdk\.compiler@(\d+)", listed, re.MULTILINE)
    return compiler is not None and int(compiler[1]) >= OLDEST_JDK


def read_with_java(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Read each file as java.util.Properties does; one start of Java serves them all.

    Raises subprocess.CalledProcessError for a file that Java refuses.
    """
    pairs: list[dict[str, str]] = [{} for _ in paths]
    if paths:
        printed = _java(str(PROGRAM), *(str(path) for path in paths)).stdout
        for line in printed.splitlines():
            pair = json.loads(line)
            pairs[pair["file"]][pair["key"]] = pair["value"]
    return pairs


def _java(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    command = ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", *arguments]
    return subprocess.run(command, check=check, capture_output=True, text=True, encoding="ascii")
