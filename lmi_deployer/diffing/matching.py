"""Which file of one side is which of the other, where some have got other names.

By path, unless the profile there went to another file; of the rest by content, then by the name of
the profile, then by how much they share, as git does it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lmi_deployer.diffing.reading_files import Entry

LEAST_SHARED = 0.5
"""Share of the larger file that two have in common, from which git calls it a rename."""
MOST_COMPARED = 20_000
"""Pairs of files that are compared line by line; git stops at a million, in C."""
_NAME = re.compile(r"^name:[ \t]*[\"']?([\w.-]+)[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)

FilePair = tuple[Entry | None, Entry | None]


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The files of two sides."""

    same: tuple[tuple[Entry, Entry], ...]
    """With the same path and the same content."""
    pairs: tuple[FilePair, ...]
    """All others, in the order of the later side's paths, what is gone where it was."""


def match(
    before: Mapping[str, Entry],
    after: Mapping[str, Entry],
    text_before: Callable[[Entry], str | None],
    text_after: Callable[[Entry], str | None],
) -> Matched:
    """The files of two sides, paired. The texts are None for what cannot be read."""
    both = sorted(before.keys() & after.keys())
    same = tuple((before[key], after[key]) for key in both if before[key].is_same(after[key]))
    kept = [(before[key], after[key]) for key in both if not before[key].is_same(after[key])]
    gone = [before[key] for key in sorted(before.keys() - after.keys())]
    new = [after[key] for key in sorted(after.keys() - before.keys())]
    swapped = _swapped(kept, gone, new, text_before, text_after)
    pairs: list[FilePair] = [*swapped]
    gone, new = _rest(gone, new, swapped)
    taken = {id(entry) for pair in swapped for entry in pair}
    for earlier, later in kept:
        if not taken & {id(earlier), id(later)}:
            pairs.append((earlier, later))
            continue
        gone += [] if id(earlier) in taken else [earlier]
        new += [] if id(later) in taken else [later]
    renamed = _renamed(gone, new, text_before, text_after) if gone and new else []
    pairs += renamed
    gone, new = _rest(gone, new, renamed)
    pairs += [(entry, None) for entry in gone]
    pairs += [(None, entry) for entry in new]
    return Matched(same=same, pairs=tuple(sorted(pairs, key=path_of)))


def _swapped(
    kept: Sequence[tuple[Entry, Entry]],
    gone: Sequence[Entry],
    new: Sequence[Entry],
    text_before: Callable[[Entry], str | None],
    text_after: Callable[[Entry], str | None],
) -> list[tuple[Entry, Entry]]:
    """Profiles that went from one file to another while something else took the path of theirs.

    Their name is what they deploy as, wherever they stand; a path is not.
    """
    texts_before = {entry.key: text_before(entry) or "" for entry, _ in kept}
    texts_after = {entry.key: text_after(entry) or "" for _, entry in kept}
    other = [
        pair
        for pair in kept
        if _name_in(texts_before[pair[0].key]) != _name_in(texts_after[pair[1].key])
    ]
    if not other or len(other) + len(gone) + len(new) < 2:  # noqa: PLR2004 - nowhere to go
        return []
    texts_before |= {entry.key: text_before(entry) or "" for entry in gone}
    texts_after |= {entry.key: text_after(entry) or "" for entry in new}
    earlier = [*gone, *(pair[0] for pair in other)]
    later = [*new, *(pair[1] for pair in other)]
    paths = {entry.key for pair in other for entry in pair}
    found = _by_name(earlier, later, texts_before, texts_after)
    return [(one, two) for one, two in found if {one.key, two.key} & paths]


def path_of(pair: FilePair) -> str:
    """The path by which a pair is sorted: the later one."""
    before, after = pair
    entry = after or before
    assert entry is not None
    return entry.key


def _renamed(
    gone: Sequence[Entry],
    new: Sequence[Entry],
    text_before: Callable[[Entry], str | None],
    text_after: Callable[[Entry], str | None],
) -> list[tuple[Entry, Entry]]:
    """Files that were there under another name."""
    found: list[tuple[Entry, Entry]] = []
    by_id = {each: entry for entry in reversed(gone) for each in entry.ids}
    for entry in new:
        earlier = next((by_id[each] for each in entry.ids if each in by_id), None)
        if earlier is not None and earlier.problem == entry.problem:
            found.append((earlier, entry))
            by_id = {each: other for each, other in by_id.items() if other is not earlier}
    gone, new = _rest(gone, new, found)
    texts = {entry.key: text_before(entry) or "" for entry in gone}
    later = {entry.key: text_after(entry) or "" for entry in new}
    found += _by_name(gone, new, texts, later)
    gone, new = _rest(gone, new, found)
    if len(gone) * len(new) <= MOST_COMPARED:
        found += _by_lines(gone, new, texts, later)
    return found


def _rest(
    gone: Sequence[Entry], new: Sequence[Entry], found: Sequence[tuple[Entry, Entry]]
) -> tuple[list[Entry], list[Entry]]:
    taken = {id(entry) for pair in found for entry in pair}
    return (
        [entry for entry in gone if id(entry) not in taken],
        [entry for entry in new if id(entry) not in taken],
    )


def _by_name(
    gone: Sequence[Entry],
    new: Sequence[Entry],
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> list[tuple[Entry, Entry]]:
    """Files of profiles with the same name, where just one on each side has it."""
    earlier, later = _unique(gone, before), _unique(new, after)
    return [(earlier[name], entry) for name, entry in later.items() if name in earlier]


def _unique(entries: Sequence[Entry], texts: Mapping[str, str]) -> dict[str, Entry]:
    names = {entry.key: _name_in(texts[entry.key]) for entry in entries}
    counts = Counter(names.values())
    return {
        name: entry
        for entry in entries
        if (name := names[entry.key]) is not None and counts[name] == 1
    }


def _name_in(text: str) -> str | None:
    """The name of the profile in a text, by its look: the text may be no valid profile."""
    found = _NAME.search(text)
    return None if found is None else found[1]


def _by_lines(
    gone: Sequence[Entry],
    new: Sequence[Entry],
    before: Mapping[str, str],
    after: Mapping[str, str],
) -> list[tuple[Entry, Entry]]:
    """Files that share at least half of the larger one, the most alike first."""
    lines = {entry.key: Counter(before[entry.key].splitlines(keepends=True)) for entry in gone}
    others = {entry.key: Counter(after[entry.key].splitlines(keepends=True)) for entry in new}
    ranked = sorted(
        (
            (shared, earlier, later)
            for earlier in gone
            for later in new
            if (shared := _shared(lines[earlier.key], others[later.key])) >= LEAST_SHARED
        ),
        key=lambda row: (-row[0], row[1].key, row[2].key),
    )
    found: list[tuple[Entry, Entry]] = []
    taken: set[int] = set()
    for _, earlier, later in ranked:
        if not taken & {id(earlier), id(later)}:
            taken |= {id(earlier), id(later)}
            found.append((earlier, later))
    return found


def _shared(one: Counter[str], other: Counter[str]) -> float:
    """Share of the larger text, in characters, whose lines the other has as well."""
    size, size_other = _size(one), _size(other)
    if min(size, size_other) < LEAST_SHARED * max(size, size_other, 1):
        return 0.0
    common = sum(
        len(line) * min(count, other[line]) for line, count in one.items() if line in other
    )
    return common / max(size, size_other, 1)


def _size(lines: Counter[str]) -> int:
    return sum(len(line) * count for line, count in lines.items())
