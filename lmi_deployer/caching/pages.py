"""Entries of a cache as rows for people, and as documents for programs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lmi_deployer.caching.entries import Entry
from lmi_deployer.caching.pruning import Verdict
from lmi_deployer.columns import table

UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
AGES = ((86_400, "day"), (3600, "hour"), (60, "minute"))
HEADING = (
    "ENGINE", "STATE", "KIND", "MODEL", "LMI", "TRT-LLM", "GPU", "TP", "QUANTIZE", "SIZE", "AGE",
    "QUALITY",
)  # fmt: skip


def entries_page(entries: Sequence[Entry], now: float, chosen: Collection[str] = ()) -> str:
    """A table; those that are `chosen` have a mark before their name."""
    rows = [_row(entry, now, is_chosen=entry.name in chosen) for entry in entries]
    problems = [f"{item.name}: {item.problem}" for item in entries if item.problem is not None]
    problems += [_foreign(item) for item in entries if item.foreign]
    total = f"{len(entries)} in all, {size(sum(item.size_bytes for item in entries))}"
    return "\n".join([table([HEADING, *rows]), *problems, total])


def document(entry: Entry, now: float) -> dict[str, Any]:
    """An entry for programs."""
    inputs: Mapping[str, Any] = entry.manifest.inputs if entry.manifest else {}
    modified = datetime.fromtimestamp(entry.made_seconds, UTC).isoformat(timespec="seconds")
    return {
        "engine": entry.name,
        "key": entry.manifest.key if entry.manifest else None,
        "state": entry.state,
        "problem": entry.problem,
        "inputs": dict(inputs) or None,
        "layout": entry.manifest.layout if entry.manifest else None,
        "made": dict(entry.manifest.made) if entry.manifest else None,
        "quality": entry.manifest.quality if entry.manifest else None,
        "files": len(entry.files),
        "foreign": list(entry.foreign),
        "size_bytes": entry.size_bytes,
        "modified": modified if entry.files else None,
        "age_seconds": round(now - entry.made_seconds) if entry.files else None,
        "claimed_by": entry.claim.owner if entry.claim and entry.claim.is_live(now) else None,
    }


def verified_lines(entries: Sequence[Entry], found: Mapping[str, Sequence[str]]) -> list[str]:
    """What `cache verify` has found of every entry, by its name."""
    lines = [line for entry in entries for line in _verified(entry, found[entry.name])]
    return lines or ["there are no engines"]


def plan_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """What `cache prune` is about to do, and what it leaves."""
    rows = [
        ("-" if item.goes else " ", item.entry.name, size(item.entry.size_bytes), item.reason)
        for item in verdicts
    ]
    left = [_foreign(item.entry) for item in verdicts if item.entry.foreign]
    freed = sum(item.entry.size_bytes for item in verdicts if item.goes)
    going = sum(item.goes for item in verdicts)
    total = f"{going} of {len(rows)} to remove, {size(freed)}" if going else "nothing to remove"
    return [*([table(rows)] if rows else []), *left, total]


def size(size_bytes: int) -> str:
    """Bytes in the unit that suits them.

    >>> size(3 * 1024**3 // 2)
    '1.5 GiB'
    """
    for unit, name in UNITS:
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes} bytes"


def age(seconds: float) -> str:
    """A time span in whole units of the largest that it has one of.

    >>> age(3 * 3600 + 5)
    '3 hours'
    """
    for unit, name in AGES:
        count = int(seconds // unit)
        if count >= 1:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "now"


def _foreign(entry: Entry) -> str:
    return f"{entry.name}: not of lmi-deploy, left alone: {', '.join(map(plain, entry.foreign))}"


def plain(path: str) -> str:
    """A path as one line shows it, whatever characters somebody has put into it."""
    return path if path.isprintable() else repr(path)


def _verified(entry: Entry, problems: Sequence[str]) -> list[str]:
    if problems:
        return [f"{entry.name}  {problem}" for problem in problems]
    if entry.manifest is None:
        return [f"{entry.name}  half-written, not checked"]
    files = entry.manifest.files
    unhashed = [item for item in files if item.sha256 is None]
    by_size = sum(item.etag is None for item in unhashed)
    means = "by size only" if by_size else "by size and ETag"
    note = f"; {len(unhashed)} without a hash, {means}" if unhashed else ""
    return [f"{entry.name}  ok: {len(files)} files, {size(entry.manifest.size_bytes)}{note}"]


def _row(entry: Entry, now: float, *, is_chosen: bool) -> tuple[str, ...]:
    inputs: Mapping[str, Any] = entry.manifest.inputs if entry.manifest else {}
    quality = (entry.manifest.quality or {}) if entry.manifest else {}
    agreement = quality.get("agreement")
    return (
        f"{'> ' if is_chosen else ''}{entry.name}",
        entry.state,
        _text(inputs.get("kind")),
        _text(inputs.get("model_id")),
        _text(inputs.get("image")).partition("-")[0],
        _text((inputs.get("libraries") or {}).get("tensorrt_llm")),
        _gpu(inputs),
        _degree(inputs),
        _text(inputs.get("quantize")),
        size(entry.size_bytes),
        age(now - entry.made_seconds) if entry.files else "",
        f"{agreement:.1%}" if isinstance(agreement, int | float) else "",
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _gpu(inputs: Mapping[str, Any]) -> str:
    memory = inputs.get("gpu_memory_gib")
    amount = f" {memory:.0f} GiB" if isinstance(memory, int | float) else ""
    return f"{_text(inputs.get('gpu_architecture'))}{amount}"


def _degree(inputs: Mapping[str, Any]) -> str:
    """The tensor parallel degree, times the pipeline parallel one where there is one."""
    tensor, pipeline = (inputs.get(f"{name}_parallel_degree") for name in ("tensor", "pipeline"))
    return _text(tensor) if pipeline in {None, 1} else f"{tensor} x {pipeline}"
