"""A finding's code, explained; needs neither the catalog nor pydantic."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import indent
from typing import Any

from lmi_deployer.errors import InputError
from lmi_deployer.explain.layout import labelled, paragraph
from lmi_deployer.findings import CODES, Code
from lmi_deployer.nearest import did_you_mean


def find_code(word: str) -> Code:
    """The row of a code, in either case. Raises InputError, with the nearest, for none."""
    name = word.upper()
    if name not in CODES:
        raise InputError(f"there is no finding {name}", fix=did_you_mean(name, CODES))
    return CODES[name]


def as_text(row: Code, width: int) -> str:
    """A page about one code."""
    blocks = [
        paragraph(f"{row.code}  {row.title}", width),
        paragraph(row.explanation, width, "  "),
        "\n".join(
            labelled(
                [
                    ("way out", row.fix),
                    ("severity", ", ".join(row.severities)),
                    ("source", row.source or ""),
                    ("page", row.page),
                ],
                width,
                "  ",
            )
        ),
    ]
    examples = [("instead of", row.bad), ("write", row.good)]
    blocks += [f"  {label}\n{indent(text, '    ')}" for label, text in examples if text]
    return "\n\n".join(blocks)


def as_json(row: Code) -> dict[str, Any]:
    """The same as plain data."""
    return {**asdict(row), "page": row.page}
