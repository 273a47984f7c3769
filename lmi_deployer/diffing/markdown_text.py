"""Texts of others as Markdown that means nothing but their letters, on GitHub as elsewhere.

GitHub links mentions, issues, commits and addresses in every text that is not code, whatever is
escaped, and reads `$` as mathematics. So plain words stay words, and all else becomes code.

Source: "GitHub Flavored Markdown Spec" 6.3 (code spans), 4.5 (fences), 4.10 (tables), and GitHub's
"Autolinked references and URLs" and "Writing mathematical expressions".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from lmi_deployer.diffing.page_lines import seen

_PLAIN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*|\d{1,6}(?:[.,]\d{1,6})*%?")
_SIGNS = frozenset({"->", "-", "+", "="})
"""They mean something only at the beginning of a line, where no text of others stands."""
_COMMIT = re.compile(r"[0-9a-fA-F]{7,40}")
_WORD = re.compile(
    r"""(?=\S)([("']*)(?:`([^`]+)`|(\S*?))([)"'.,;:!?]*)(?= |$)""",
)
"""What stands around it, what was code already, what was not, and what stands behind."""


def code(text: str, *, is_cell: bool = False) -> str:
    r"""A text as inline code, in fences longer than any inside it; `is_cell` for a table's cell.

    >>> code("a`b")
    '``a`b``'
    >>> code(r"a|b", is_cell=True)
    '`a\\|b`'
    """
    text = seen(text) or '""'
    if is_cell and "|" in text:
        # A table is cut into cells before code is looked for; of two backslashes before a bar,
        # readers disagree about which is escaped.
        text = re.sub(r"\\+(?=\|)", lambda found: r"\x5c" * len(found[0]), text)
        text = text.replace("|", r"\|")
    fence = _fence(text, 1)
    needs_room = text[0] in "` " or text[-1] in "` "
    room = " " if needs_room and text.strip(" ") else ""
    return f"{fence}{room}{text}{room}{fence}"


def sentence(text: str, *, is_cell: bool = False) -> str:
    """A sentence: plain words as they are, everything else as code; never first on its line.

    >>> sentence("see https://a.example, @you: 3 of 4")
    'see `https://a.example`, `@you`: 3 of 4'
    """
    return " ".join(_word(found, is_cell=is_cell) for found in _WORD.finditer(seen(text)))


def _word(found: re.Match[str], *, is_cell: bool) -> str:
    before, quoted, core, behind = found.groups()
    if quoted:
        return f"{before}{code(quoted, is_cell=is_cell)}{behind}"
    if found[0] in _SIGNS:
        return found[0]
    is_plain = not core or bool(_PLAIN.fullmatch(core) and not _COMMIT.fullmatch(core))
    return f"{before}{core if is_plain else code(core, is_cell=is_cell)}{behind}"


def fenced(lines: Iterable[str]) -> str:
    """Lines as a block of code in the colors of a diff, which nothing inside can close."""
    content = "\n".join(lines)
    fence = _fence(content, 3)
    return f"{fence}diff\n{content}\n{fence}"


def details(summary: str, kind: str, content: str) -> str:
    """A block that stands closed; `summary` is a text of others, `kind` and `content` our own."""
    shown = html.escape(seen(summary))
    return f"<details><summary><code>{shown}</code> {kind}</summary>\n\n{content}\n\n</details>"


def comment(marker: str) -> str:
    """A line that nobody sees, by which a program finds the text again.

    >>> comment("lmi-deploy diff")
    '<!-- lmi-deploy diff -->'
    """
    name = re.sub(r"[^A-Za-z0-9 ._/:=-]", "", marker)
    return f"<!-- {re.sub('-{2,}', '-', name).strip(' -')} -->"


def _fence(text: str, least: int) -> str:
    """More backticks than any run of them in the text."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))
