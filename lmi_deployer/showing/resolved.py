"""A snapshot as lines that change only where something effective does.

No path, line, date or origin stands in them: `git diff` compares them by way of a textconv filter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from lmi_deployer.diffing.snapshot import Cost, Item, MemoryShare, Snapshot
from lmi_deployer.findings import LONGEST_LINE, Finding, printable
from lmi_deployer.render import PROPERTIES_FILE, as_text
from lmi_deployer.secrets import is_secret, redacted

HIDDEN = "***"
SHOWN_DIGITS = 12
"""Of a hash."""


def page(snapshots: Iterable[Snapshot]) -> str:
    """Every hardware profile under a heading of its own."""
    return "\n\n".join("\n".join(map(_line, _block(snapshot))) for snapshot in snapshots)


def as_written(text: str) -> str:
    """The text of a profile that cannot be resolved, without secrets; a hash of a very long one."""
    from lmi_deployer.diffing.text_diffs import MOST_CHARACTERS, masked

    shown = masked(text)
    if len(text) > MOST_CHARACTERS:
        return f"{len(text):,} characters (sha256 {_digest(shown)})"
    return "\n".join(map(_line, shown.splitlines()))


def _line(text: str) -> str:
    """As a terminal takes it; what is too long to be shown is told apart by a hash."""
    if len(text) <= LONGEST_LINE:
        return printable(text)
    return f"{printable(text)} (sha256 {_digest(text)})"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:SHOWN_DIGITS]


def _block(snapshot: Snapshot) -> Iterator[str]:
    yield snapshot.title
    yield from (f"  {key} = {_shown(key, item)}" for key, item in sorted(snapshot.values.items()))
    if snapshot.memory is not None:
        yield f"  memory per GPU: {_memory(snapshot.memory)}"
    if snapshot.cost is not None:
        yield f"  cost: {_cost(snapshot.cost)}"
    if snapshot.deployed is not None and snapshot.deployed.properties is not None:
        yield f"  {PROPERTIES_FILE}"
        pairs = sorted(snapshot.deployed.properties.items())
        yield from (f"    {name}={_plain(name, text)}" for name, text in pairs)
    yield from (f"  {line}" for line in finding_lines(snapshot.findings))


def finding_lines(findings: Iterable[Finding]) -> Iterator[str]:
    """Findings without their places, in an order that does not hang on them; notes left out."""
    shown = {
        f"{finding.severity}[{finding.code}] {line}"
        for finding in findings
        if finding.severity != "note"
        for line in (printable(redacted(finding.text).partition("\n")[0]),)
    }
    yield from sorted(shown)


def _shown(key: str, item: Item) -> str:
    text = _plain(key, as_text(item.value))
    return f"{text} {item.unit}" if item.unit else text


def _plain(key: str, text: str) -> str:
    return HIDDEN if is_secret(key, text) else text


def _memory(memory: MemoryShare) -> str:
    return (
        f"weights {memory.weights_gib:.1f}, KV cache {memory.kv_cache_gib:.1f}, "
        f"other {memory.other_gib:.1f} of {memory.usable_gib:.1f} GiB; "
        f"{memory.batch_ceiling} sequences of full length; {memory.verdict.replace('_', ' ')}"
    )


def _cost(cost: Cost) -> str:
    return f"${cost.usd_per_hour:,.2f} per hour ({cost.region})"
