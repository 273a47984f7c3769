"""The server's verdicts as recorded files: one per version, so that tests need no server.

A file holds gzipped lines of JSON. The first says what was asked; each other is one case:
[backend, devices, changes, verdict, keys handed on]. A verdict is 0 when every key is kept, the
keys that are not (with what takes their place, or null when they are ignored), or "R:" and the
fields blamed; the last item is left out when it is empty.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.cases import Case, make_case
from tests.conformance.classify import Verdict
from tests.conformance.server_table import Table, load_table

FOLDER = Path(__file__).with_name("recorded")
REJECTED = "R:"


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a recording was made from."""

    version: str
    tree: str
    """Git tree of the server's Python package."""
    vllm_fields: bool
    """False when the fields of vLLM's EngineArgs were unknown, so that any key may be one."""


def path_of(version: str) -> Path:
    """Where the recording of a version is."""
    return FOLDER / f"{version}.jsonl.gz"


def recorded_versions() -> list[str]:
    """The versions that have a recording, oldest first."""
    return [version for version in load_table().order if path_of(version).exists()]


def write(header: Header, verdicts: Iterable[tuple[Case, Verdict]]) -> None:
    """Replace the recording of one version; the same verdicts give the same bytes."""
    lines: list[Any] = [vars(header)]
    lines += [[c.backend, c.devices, c.changes, *packed(verdict)] for c, verdict in verdicts]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    FOLDER.mkdir(exist_ok=True)
    path_of(header.version).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def read_header(version: str) -> Header:
    """The first line of a recording."""
    with gzip.open(path_of(version), "rt", encoding="utf-8") as lines:
        return Header(**json.loads(next(lines)))


def read(version: str) -> Iterator[tuple[Case, Verdict]]:
    """Every case of a recording with its verdict."""
    table = load_table()
    rows = {row.backend: row for row in table.backends_of(version)}
    with gzip.open(path_of(version), "rt", encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            backend, devices, changes, *verdict = json.loads(line)
            yield make_case(version, rows[backend], changes, devices), unpacked(*verdict)


def packed(verdict: Verdict) -> list[Any]:
    """A verdict in the short form of the files; reasons and warnings are left out."""
    if verdict.is_rejected:
        return [REJECTED + ",".join(verdict.blamed)]
    return [verdict.changed or 0, *([verdict.handed_on] if verdict.handed_on else [])]


def unpacked(verdict: Any, handed_on: tuple[str, ...] = ()) -> Verdict:
    """The verdict that packed() wrote."""
    if isinstance(verdict, str):
        blamed = tuple(filter(None, verdict.removeprefix(REJECTED).split(",")))
        return Verdict.rejection("", blamed)
    return Verdict(is_rejected=False, changed=verdict or {}, handed_on=tuple(handed_on))


def is_kept(table: Table, version: str, number: int, settings_tree: dict[str, str]) -> bool:
    """Whether a case is recorded: all of them, but few where the classes have not changed."""
    position = table.order.index(version)
    is_new = position == 0 or settings_tree[version] != settings_tree[table.order[position - 1]]
    return is_new or number % 8 == 0
