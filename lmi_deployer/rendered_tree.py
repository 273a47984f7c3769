"""Rendered files kept in a repository: `<folder>/<profile>/<hardware profile>/` and the bundle.

Pure: what belongs there, and how what is there differs from it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lmi_deployer.bundle import ARCHIVE_FILE, MANIFEST_FILE, make_bundle
from lmi_deployer.findings import printable
from lmi_deployer.profile import NAME_PATTERN
from lmi_deployer.render import PROPERTIES_FILE
from lmi_deployer.secrets import redacted
from lmi_deployer.spec import ResolvedSpec

RENDERED_NAMES = (MANIFEST_FILE, ARCHIVE_FILE, f"model/{PROPERTIES_FILE}")
"""Paths that rendering makes, below the folder of one hardware profile."""
RENDERED = re.compile(rf"{NAME_PATTERN}/(?:{'|'.join(map(re.escape, RENDERED_NAMES))})")
"""Paths that rendering makes, below the folder of one profile."""


@dataclass(frozen=True, kw_only=True)
class Stale:
    """One file that is not what the profiles come to."""

    path: str
    kind: Literal["missing", "differs", "left over"]
    lines: tuple[str, ...] = ()
    """Of a unified diff, where both sides are text."""

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.kind}", *(f"  {line}" for line in self.lines)]
        return "\n".join(map(printable, lines))


def files_of(specs: Iterable[ResolvedSpec]) -> dict[str, bytes]:
    """Path below the folder of their profile: content, of everything that would be uploaded."""
    files: dict[str, bytes] = {}
    for spec in specs:
        bundle = make_bundle(spec)
        for path, content in {**bundle.files, MANIFEST_FILE: bundle.manifest}.items():
            files[f"{spec.hardware}/{path}"] = content
    return files


def stale(wanted: Mapping[str, bytes], found: Mapping[str, bytes]) -> Iterator[Stale]:
    """Every file that is not as it should be, in the order of their paths."""
    for path in sorted({*wanted, *found}):
        if path not in found:
            yield Stale(path=path, kind="missing")
        elif path not in wanted:
            yield Stale(path=path, kind="left over")
        elif wanted[path] != found[path]:
            yield Stale(path=path, kind="differs", lines=tuple(_lines(found[path], wanted[path])))


def _lines(found: bytes, wanted: bytes) -> Iterator[str]:
    if b"\0" in found or b"\0" in wanted:
        return
    before, after = (redacted(side.decode("utf-8", "replace")) for side in (found, wanted))
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    yield from (line for line in list(lines)[2:] if not line.startswith("@@"))
