"""Profiles as text, without what is secret in them: for what cannot be compared by what it means.

The text need not be YAML: nothing here parses it. Where it is not clear how far a secret goes, more
is hidden rather than less.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

from lmi_deployer import secrets
from lmi_deployer.diffing.hiding import HIDDEN

MOST_CHARACTERS = 200_000
MOST_LINES = 3000
"""Of a file that is compared: difflib's time grows with the square."""
MOST_SHOWN = 200
MOST_ROUNDS = 5
"""In which aliases of aliases of secrets are followed; after them all of the text is hidden."""
_WORD = r"""(?:"(?:[^"\\]|\\.){0,200}"|'[^']{0,200}'|(?<![\w.\\/-])[\w.\\/-]+)"""
_PAIR = re.compile(rf"(?P<key>{_WORD})\s*[:=]")
_STRUCTURE = re.compile(rf" *(?:[-?] +)*{_WORD}\s*(?::(?:\s|$)|=(?!=*$))|(?:---|\.\.\.)(?:\s|$)")
"""A line that begins something else: a key with its value, or a document."""
_EXPLICIT = re.compile(r"[\s#]*(?:-\s+)*(?:(?P<mark>[?])(?:\s+|$)|:\s*)")
"""`? KEY` on a line, and `: VALUE` on one that follows."""
_PLAIN_KEY = re.compile(rf"{_WORD}\s*$")
_BEFORE_KEY = re.compile(r"[\s#]*(?:[-?]\s+)*")
_BEFORE_VALUE = re.compile(rf"[\s#]*(?:(?:[-?:]|[&!]\S*|{_WORD}\s*:)(?:\s+|$))*")
_ALIAS = re.compile(r"\*(?P<name>[^\s,\[\]{}]+)")
_ANCHOR = re.compile(r"&(?P<name>[^\s,\[\]{}]+)")
_REFERENCE = re.compile(r"""\s*["']?secretsmanager:[\w/:.@+=-]+["']?\s*(?:[,}\]#].*)?""")
"""Where a secret is, which is none."""
_MORE_NAMES = re.compile(r"(?i)(?:pass|credentials?|access[_-]?key)$")
"""Names that promise a secret in a text that nobody could read, beside those of `secrets`."""
_DEPTHS = {"[": 1, "{": 1, "]": -1, "}": -1}


def text_diff(before: str, after: str, *, file_before: str, file_after: str) -> tuple[str, ...]:
    """Lines of a unified diff without secrets; nothing for files that are too large for one."""
    if max(len(before), len(after)) > MOST_CHARACTERS:
        return ()
    old, new = masked(before).splitlines(), masked(after).splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        return ()
    found = difflib.unified_diff(old, new, file_before, file_after, lineterm="")
    lines = tuple(line for line, _ in zip(found, range(MOST_SHOWN + 1), strict=False))
    if len(lines) <= MOST_SHOWN:
        return lines
    return (*lines[:MOST_SHOWN], f"... only the first {MOST_SHOWN} lines are shown")


def masked(text: str) -> str:
    """A text of keys and values, without what is secret in it.

    What stands under a key that promises a secret is hidden however it is written: behind the key,
    on the lines below that belong to it, in brackets and quotes over several lines, behind `?` and
    `:`, and where an alias under such a key gets its value from.
    """
    lines = secrets.redacted(text).splitlines(keepends=True)
    aliases: frozenset[str] = frozenset()
    for _ in range(MOST_ROUNDS):
        masker = _Masker(aliases=aliases)
        shown = "".join(map(masker.line, lines))
        if masker.found <= aliases:
            return shown
        aliases |= masker.found
    return "".join(f"{HIDDEN}\n" for _ in lines)


@dataclass(kw_only=True)
class _Node:
    """A secret that goes on over the lines that follow."""

    column: int
    """Of its key: what is set in further belongs to it."""
    depth: int = 0
    """Brackets that are open."""
    quote: str = ""
    """The quotation mark that is open."""

    def take(self, text: str) -> None:
        """Go on over a piece of it."""
        if not self.is_open:
            before = _BEFORE_VALUE.match(text)
            text = text[before.end() :] if before else text
            if text[:1] not in {"[", "{", '"', "'"}:
                return
        self._scan(text)

    @property
    def is_open(self) -> bool:
        """Whether brackets or quotation marks are still to be closed."""
        return bool(self.depth or self.quote)

    def _scan(self, text: str) -> None:
        """Count brackets outside of quotation marks, which have a meaning where a word begins."""
        begins, index = True, 0
        while index < len(text):
            mark = text[index]
            if self.quote:
                is_escape = mark == "\\" and self.quote == '"'
                if is_escape or text[index : index + 2] == "''" == self.quote * 2:
                    index += 1
                elif mark == self.quote:
                    self.quote = ""
            elif begins and mark in {'"', "'"}:
                self.quote = mark
            elif begins and mark == "#" and index:
                return
            else:
                self.depth = max(0, self.depth + _DEPTHS.get(mark, 0))
            begins = mark.isspace() or mark in "[{,:"
            index += 1


@dataclass(kw_only=True)
class _Masker:
    """Goes through the lines of a text from the first to the last."""

    aliases: frozenset[str]
    """Whose values are secret."""
    found: set[str] = field(default_factory=set)
    """Aliases that stand for a secret."""
    _node: _Node | None = None
    _is_plain_key: bool = False
    """Whether the last `? KEY` is one that promises no secret."""
    _is_broken_off: bool = False
    """Whether the line before ended with what only some take for the end of a line."""

    def line(self, line: str) -> str:
        """A line without what is secret in it."""
        content = next(iter(line.splitlines()), "")
        end = line[len(content) :]
        start = 0 if self._goes_on(content) else self._begins(content)
        self._is_broken_off = end not in {"\n", "\r", "\r\n"}
        if start is None:
            self._node = None
            return line
        assert self._node is not None
        hidden = content[start:]
        self._node.take(hidden)
        self.found |= {match["name"] for match in _ALIAS.finditer(hidden)}
        if not hidden.strip():
            return line
        space = hidden[: len(hidden) - len(hidden.lstrip())]
        return f"{content[:start]}{space}{HIDDEN}{end}"

    def _goes_on(self, line: str) -> bool:
        """Whether a line belongs to the secret before it."""
        node = self._node
        if node is None:
            return False
        if node.is_open or self._is_broken_off or not _STRUCTURE.match(line):
            return True
        column = len(line) - len(line.lstrip())
        return column > node.column or (column == node.column and line.lstrip().startswith("-"))

    def _begins(self, line: str) -> int | None:
        """Where in a line a secret begins, which is noted; None where there is none."""
        starts = [match.end() for match in _ANCHOR.finditer(line) if match["name"] in self.aliases]
        for match in _PAIR.finditer(line):
            if _promises(match["key"]) and not _REFERENCE.fullmatch(line, match.end()):
                starts.append(match.end())
                break
        explicit = _EXPLICIT.match(line)
        if explicit is not None and not explicit["mark"] and not self._is_plain_key:
            starts.append(explicit.end())
        key = line[explicit.end() :] if explicit is not None else ""
        self._is_plain_key = bool(_PLAIN_KEY.fullmatch(key)) and not _promises(key)
        if not starts:
            return None
        self._node = _Node(column=_column(line, min(starts)))
        return min(starts)


def _column(line: str, start: int) -> int:
    """The column that what belongs to a key is set in from, at most."""
    before = _BEFORE_KEY.match(line)
    is_first = before is not None and _PAIR.match(line, before.end(), start) is not None
    space = line[: before.end()] if before and is_first else line[: len(line) - len(line.lstrip())]
    return len(space.partition("\t")[0])


def _promises(key: str) -> bool:
    """Whether a key promises a secret; one with escapes may spell anything."""
    name = key.strip().strip("\"'").strip()
    if "\\" in name or _MORE_NAMES.search(name):
        return True
    return any(secrets.is_secret(each, HIDDEN) for each in (name, name.removesuffix("s")))
