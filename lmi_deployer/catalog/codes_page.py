"""Prints docs/findings.md: the codes of codes.yaml as a page with an anchor for each.

Run it after an edit of codes.yaml, once the catalog is compiled:
`python -m lmi_deployer.catalog.codes_page > docs/findings.md`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from textwrap import fill

from lmi_deployer.findings import CODES, Code

COLUMNS = 120
GROUPS: Mapping[str, str] = {
    "0": "The file",
    "1": "Container, backend and model together",
    "2": "The machine",
    "3": "Settings that the server reads",
    "4": "The model",
    "5": "Several hardware profiles, and the account",
    "6": "Ahead-of-time compilation",
}
"""First digit of a code: what its group is about."""
INTRODUCTION = """\
Every problem has a code that stays the same from release to release.
`lmi-deploy explain LMI201` prints a section of this page, with `-o json` for programs.
An **error** stops a deployment; a **warning** fails a check with `--strict`;
a **note** is worth knowing.

This page is made from `lmi_deployer/catalog/codes.yaml` by `make catalog`; edit the rows there.
"""


def page() -> str:
    """The whole page as Markdown."""
    introduction = [f"{_paragraph(text)}\n" for text in INTRODUCTION.split("\n\n")]
    parts = ["# Findings\n", *introduction]
    for digit, title in GROUPS.items():
        rows = [row for name, row in CODES.items() if name.startswith(f"LMI{digit}")]
        parts += [f"## {title}\n", *(_section(row) for row in rows)]
    return "\n".join(parts)


def _section(row: Code) -> str:
    """One code; the heading is the code alone, so that its anchor is `#lmi201`."""
    parts = [
        f"### {row.code}",
        _paragraph(f"**{', '.join(row.severities)}**: {row.title}"),
        _paragraph(row.explanation),
        _paragraph(f"Way out: {row.fix}"),
    ]
    for label, example in (("Instead of", row.bad), ("write", row.good)):
        parts += [f"{label}\n\n```text\n{example}\n```"] if example else []
    parts += [_paragraph(f"Source: {row.source}.")] if row.source else []
    return "\n\n".join(parts) + "\n"


def _paragraph(text: str) -> str:
    return fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write(page())
