"""The text of an imported profile: its settings, and why those stand there that need a reason."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from lmi_deployer.importing.draft import Draft
from lmi_deployer.importing.source import Source
from lmi_deployer.profile import API_VERSION
from lmi_deployer.profile_text import values
from lmi_deployer.starting.wording import MAX_COLUMNS, SCHEMA_LINE

STEP = 2
NOT_THERE = "not in the source"


def profile_text(draft: Draft, source: Source, *, name: str, hardware: str) -> str:
    """The profile with one hardware profile, ready to be written."""
    version, flavor = source.target.container.version, source.target.flavor
    written = "standard input" if source.written.name == "-" else source.written.name
    lines = [
        SCHEMA_LINE,
        *_remark(
            f"Imported from {written} as LMI {version} ({flavor}) reads it. What "
            "this profile renders says the same:"
        ),
        f"#   lmi-deploy render {name}",
        *values.entry("apiVersion", API_VERSION, 0, STEP),
        *values.entry("kind", "ModelProfile", 0, STEP),
        *values.entry("name", name, 0, STEP),
        "",
        *_section("model", draft.model, draft.remarks),
        "",
        *_section("container", {"version": version}, draft.remarks),
        "",
        *_remark(_sentence(draft.remarks.get("traffic"))),
        *_section("traffic", draft.traffic, draft.remarks),
        "",
        "profiles:",
        f"  {values.text(hardware)}:",
    ]
    for key, value in draft.hardware.items():
        if key == "options":
            lines += _options(value)
        else:
            lines += _commented(key, value, draft.remarks.get(key), 2 * STEP)
    return "\n".join(lines) + "\n"


def _remark(text: str, indent: int = 0) -> list[str]:
    """A comment on lines of its own."""
    pad = " " * indent
    return textwrap.wrap(
        text,
        MAX_COLUMNS,
        initial_indent=f"{pad}# ",
        subsequent_indent=f"{pad}# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _sentence(text: str | None) -> str:
    return "" if text is None else f"{text[0].upper()}{text[1:]}."


def _section(name: str, content: Mapping[str, Any], remarks: Mapping[str, str]) -> list[str]:
    lines = [f"{name}:"]
    for key, value in content.items():
        lines += _commented(key, value, remarks.get(f"{name}.{key}"), STEP)
    return lines


def _commented(key: str, value: Any, comment: str | None, indent: int) -> list[str]:
    """A key with its comment: behind it, or above it where the line would be too long."""
    lines = values.entry(key, value, indent, STEP)
    if comment is None:
        return lines
    if len(lines) > 1 or len(lines[0]) + len(f"  # {comment}") > MAX_COLUMNS:
        return [*_remark(comment, indent), *lines]
    return [f"{lines[0]}  # {comment}"]


def _options(options: Mapping[str, Any]) -> list[str]:
    """Raw lines; those that are left out say so."""
    if not options:
        return []
    pad = 2 * STEP
    lines = _remark("Lines that no key above stands for, or that it would write otherwise.", pad)
    lines.append(f"{' ' * pad}options:")
    for key, value in options.items():
        comment = NOT_THERE if value is None else None
        lines += _commented(key, value, comment, pad + STEP)
    return lines
