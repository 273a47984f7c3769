"""Comparisons built by hand, with any texts in every place that holds a text of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hypothesis import strategies as st

from lmi_deployer.diffing.comparing import Pair, compare_all
from lmi_deployer.diffing.comparison import Change, Comparison, ProfileDiff, Unread
from lmi_deployer.diffing.snapshot import Image, Item, Snapshot
from lmi_deployer.findings import Finding, Place
from lmi_deployer.impact import Impact

PIECES = (
    "`", "```", "|", "\\", "\\|", "\n", "\r\n", "\t", " ", "  ", "<b>", "</details>", "<!--", "-->",
    "![i](http://evil)", "[a](javascript:b)", "[r]: /x", "<http://evil>", "https://evil.example",
    "www.evil.example", "a@b.example", "@everyone", "#123", "GH-1", "$a$", "$", ":smile:", "~~~",
    "***", "_a_", "# a", "- a", "1. a", "> a", "---", "&lt;", "\x1b[2J", "\u202e", "\u200b", "\x00",
    "\ud800", "é", "日", "x", "x=y", "key: value", "+", "-", "@@", "0" * 40, "a" * 200, '"', "none",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=6).map("".join)
"""What an attacker, or an accident, may have put anywhere."""


def item(value: str) -> Item:
    return Item(value=value, source="profile", reason=value)


def change(
    before: str | None, after: str | None, *, key: str = "option.x", place: str = "profiles/a.yaml"
) -> Change:
    return Change(
        key=key,
        before=None if before is None else item(before),
        after=None if after is None else item(after),
        cause="profile",
        place=Place(place, 3),
        impact=Impact.RESTART,
    )


def changed(changes: Sequence[Change], *, name: str = "chat", text: str = "note") -> ProfileDiff:
    """A profile with these changes, and the text everywhere else."""
    finding = Finding(
        code="LMI399", severity="warning", problem=text, place=Place(text, 3), key=text, fix=text
    )
    sides = [
        Snapshot(profile=name, hardware=text, file=text, image=Image(tag=tag))
        for tag in (text, f"{text}2")
    ]
    return ProfileDiff(
        profile=name,
        hardware=text,
        file=text,
        file_before=text,
        status="changed",
        impact=Impact.RESTART,
        changes=tuple(changes),
        before=sides[0],
        after=sides[1],
        appeared=(finding,),
        gone=(finding,),
        rendered=(f"-{text}", f"+{text}2", f" {text}"),
        notes=(text,),
    )


def unread(text: str) -> Unread:
    problem = Finding.error("LMI001", text, place=Place(text, 1), fix=text)
    return Unread(name=text, side="before", findings=(problem,), text_diff=(f"-{text}", "+b"))


def compared(*diffs: ProfileDiff, text: str = "main", rest: Sequence[Unread] = ()) -> Comparison:
    return Comparison(
        before=text, after=f"{text}2", profiles=diffs, unread=tuple(rest), notes=(text,)
    )


def everywhere(text: str) -> Comparison:
    """One change, and the text in every place."""
    diff = changed([change(text, f"{text}2", key=text, place=text)], name=text, text=text)
    return compared(diff, text=text, rest=[unread(text)])


def mirrored(comparison: Comparison) -> Comparison:
    """The other way round."""
    other: dict[str, Literal["before", "after"]] = {"before": "after", "after": "before"}
    return compare_all(
        [Pair(before=diff.after, after=diff.before) for diff in comparison.profiles if _has(diff)],
        before=comparison.after,
        after=comparison.before,
        unchanged_files=comparison.unchanged_files,
        unread=[
            Unread(
                name=item.name,
                side=other[item.side],
                findings=item.findings,
                text_diff=tuple(map(_turned, item.text_diff)),
            )
            for item in comparison.unread
        ],
        notes=comparison.notes,
    )


def _has(diff: ProfileDiff) -> bool:
    return diff.before is not None or diff.after is not None


def _turned(line: str) -> str:
    return {"-": "+", "+": "-"}.get(line[:1], line[:1]) + line[1:]
