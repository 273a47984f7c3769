"""What is wrong with a profile: findings with a stable code, a place, and a way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from lmi_deployer.errors import InputError
from lmi_deployer.resources import PACKAGE

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a finding's code means; the columns are those of catalog/code_rows.py."""

    code: str
    title: str
    severities: tuple[Severity, ...]
    explanation: str
    fix: str
    bad: str | None
    good: str | None
    source: str | None
    since: str

    @property
    def page(self) -> str:
        """Where the documentation explains it."""
        return f"docs/findings.md#{self.code.lower()}"


class _CompiledCodes(Mapping[str, Code]):
    """The rows of codes.yaml in its order, read when first asked: most runs explain nothing.

    It reads the compiled file itself, because the catalog's own reader imports pydantic.
    """

    @cached_property
    def _rows(self) -> dict[str, Code]:
        import json

        text = (PACKAGE / "catalog" / "compiled" / "codes.json").read_text(encoding="utf-8")
        rows: dict[str, dict[str, Any]] = json.loads(text)
        return {
            name: Code(**{**row, "severities": tuple(row["severities"])})
            for name, row in rows.items()
        }

    def __getitem__(self, code: str) -> Code:
        return self._rows[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


CODES: Mapping[str, Code] = _CompiledCodes()
"""Every finding's code and what it stands for."""


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file a user wrote; line and column count from 1, and 0 means none."""

    file: str
    line: int = 0
    column: int = 0

    @property
    def is_file(self) -> bool:
        """False for what stands on the command line (`--set`) or comes in on standard input."""
        return not self.file.startswith("-")

    def __str__(self) -> str:
        position = [str(number) for number in (self.line, self.column) if number]
        return ":".join([self.file, *position]) if self.line else self.file


LONGEST_LINE = 1000


def printable(text: str) -> str:
    """A line for a terminal, on which a hostile file can neither move the cursor nor fill it."""
    plain = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return plain if len(plain) <= LONGEST_LINE else f"{plain[:LONGEST_LINE]}..."


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong, or worth knowing, about a profile."""

    code: str
    severity: Severity
    problem: str
    place: Place
    key: str | None = None
    """Dotted path of the setting it is about."""
    fix: str | None = None

    @classmethod
    def error(
        cls, code: str, problem: str, *, place: Place, key: str | None = None, fix: str | None
    ) -> Finding:
        """A finding that stops a deployment."""
        return cls(code=code, severity="error", problem=problem, place=place, key=key, fix=fix)

    def __post_init__(self) -> None:
        if self.key is not None and not self.key.isprintable():
            object.__setattr__(self, "key", printable(self.key))

    @property
    def text(self) -> str:
        """What is wrong and the way out, without code and place."""
        subject = f"{self.key}: " if self.key else ""
        way_out = "" if self.fix is None else f"\n  fix: {printable(self.fix)}"
        return f"{printable(f'{subject}{self.problem}')}{way_out}"

    def __str__(self) -> str:
        return f"{self.severity}[{self.code}] {self.place}: {self.text}"


class ProfileError(InputError):
    """A profile has problems; all that could be found are in `findings`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def errors_among(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stop a deployment."""
    return tuple(finding for finding in findings if finding.severity == "error")
