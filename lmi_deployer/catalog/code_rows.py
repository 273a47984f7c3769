"""The shape of codes.yaml: what each finding means, what it costs, and the way out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from lmi_deployer.catalog.rows import NonEmpty, Row

CodeName = Annotated[str, StringConstraints(pattern=r"^LMI\d{3}$")]


class CodeRow(Row):
    """One finding code, as `explain CODE` and docs/findings.md tell it."""

    code: CodeName
    """Never given to another meaning once a release has it."""
    title: NonEmpty
    """What it stands for, in a few words without a full stop."""
    severities: Annotated[tuple[Literal["error", "warning", "note"], ...], Field(min_length=1)]
    """Every severity it comes with, the worst first."""
    explanation: NonEmpty
    """What the server or SageMaker really does, what that costs, and when it matters."""
    fix: NonEmpty
    """How to get out of it."""
    bad: str | None = None
    """Lines that get the finding."""
    good: str | None = None
    """The same lines without it."""
    source: str | None = None
    """Where the facts of the explanation stand, when the catalog's own rows do not say it."""
    since: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    """The first lmi-deploy that has it."""
