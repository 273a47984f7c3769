"""Reads what two operands name, and pairs it: what a comparison is made from.

`reading_sets` reads files on both sides, of this disk or of git; `reading_kept` saved plans and
bundles beside them, `reading_beside_live` what is live beside all of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lmi_deployer.diffing.comparison import Comparison, Unread
from lmi_deployer.diffing.operands import (
    BundleFolder,
    BundleTree,
    File,
    Folder,
    Git,
    Live,
    Operand,
    SavedPlan,
)
from lmi_deployer.diffing.pairing import Pair
from lmi_deployer.errors import InputError

if TYPE_CHECKING:
    from lmi_deployer.diffing.reading_live import LiveReader

NotLive = File | Folder | Git | SavedPlan | BundleFolder | BundleTree | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How two operands are to be compared."""

    region: str
    """Of prices."""
    hardware: tuple[str, ...] = ()
    """Hardware profiles; all of them where none is named, or `all`."""
    overrides: tuple[str, ...] = ()
    """`--set`, of the later side."""
    exact: bool = False
    """Take a revision itself rather than where the other side parted from it."""
    profiles: Path | None = None
    """Folder of profiles, where no operand names one."""
    live: LiveReader | None = None
    """Reads what is live; None where nobody gave an account."""
    here: Path = field(default_factory=Path)
    """Folder that everything is relative to."""

    @property
    def names(self) -> tuple[str, ...]:
        """The hardware profiles to keep; none where all are."""
        return () if "all" in self.hardware else self.hardware


@dataclass(kw_only=True)
class Sides:
    """Two sides, being read. `unread` and `notes` are complete once `pairs` has been walked."""

    before: str
    """Name of the side: `main (1a2b3c4d)`, `work tree`, `plan.json`, `live in us-east-1`."""
    after: str
    pairs: Iterator[Pair]
    """Read as it is walked, so that not all of it has to be in memory."""
    unchanged_files: int = 0
    """Files that are the same on both sides, with the same facts of their models locked."""
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def compared(self) -> Comparison:
        """What became of the two sides."""
        from lmi_deployer.diffing.comparing import compare_all

        return compare_all(
            self.pairs,
            before=self.before,
            after=self.after,
            unchanged_files=self.unchanged_files,
            unread=self.unread,
            notes=self.notes,
        )


def read(a: Operand | None, b: Operand | None, asked: Asked) -> Sides:
    """Both sides of a comparison: without operands, where HEAD parted and the work tree.

    A file or folder alone is compared with what it was there; a revision, a plan, a bundle or
    what is live alone with the work tree. Raises InputError where a side as a whole cannot be
    read; a file that cannot be is among `unread`.
    """
    if asked.overrides and isinstance(b, Live | SavedPlan | BundleFolder | BundleTree):
        fix = "name the profile last: lmi-deploy diff live FILE --set KEY=VALUE"
        raise InputError("--set is of the later side, which is no profile here", fix=fix)
    if isinstance(a, Live):
        if isinstance(b, Live):
            raise InputError("`live` is the same on both sides", fix="a profile on one of them")
        return _beside_live(b, asked, live="before")
    if isinstance(b, Live):
        return _beside_live(a, asked, live="after")
    return _without_live(a, b, asked)


def _beside_live(operand: NotLive, asked: Asked, *, live: Literal["before", "after"]) -> Sides:
    from lmi_deployer.diffing.reading_beside_live import read_beside_live

    return read_beside_live(operand, asked, live=live)


def _without_live(a: NotLive, b: NotLive, asked: Asked) -> Sides:
    """The same where neither side is live."""
    if isinstance(a, File | Folder | Git | None) and isinstance(b, File | Folder | Git | None):
        from lmi_deployer.diffing.reading_sets import read_sets

        return read_sets(a, b, asked)
    from lmi_deployer.diffing.reading_kept import read_kept, read_kept_beside_files

    if isinstance(a, File | Folder | Git | None):
        assert not isinstance(b, File | Folder | Git | None)
        return read_kept_beside_files(b, a, asked, kept="after")
    if isinstance(b, File | Folder | Git | None):
        return read_kept_beside_files(a, b, asked, kept="before")
    return read_kept(a, b)
