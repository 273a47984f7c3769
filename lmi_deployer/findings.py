"""What is wrong with a profile: findings with a stable code, a place, and a way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lmi_deployer.errors import InputError

Severity = Literal["error", "warning", "note"]

CODES: Mapping[str, str] = {
    "LMI001": "the file is not a YAML document that can be read",
    "LMI002": "an unknown key",
    "LMI003": "a value of the wrong type or out of range",
    "LMI004": "a required key is missing",
    "LMI005": "a setting that this version of lmi-deploy does not support yet",
    "LMI006": "a secret in plain text",
    "LMI007": "an unknown name, or inheritance that leads nowhere",
    "LMI008": "a schema version that this lmi-deploy does not read",
    "LMI101": "the container version does not have the backend",
    "LMI102": "the backend does not read the setting",
    "LMI103": "the quantization method does not go with backend, dtype, model or GPU",
    "LMI104": "the backend does not serve the model family",
    "LMI105": "the dtype does not go with backend or GPU",
    "LMI106": "the container compiles the engine at every start",
    "LMI107": "the weights are not pinned to a revision",
    "LMI201": "the tensor parallel degree does not fit the instance",
    "LMI202": "the tensor parallel degree does not divide the attention heads",
    "LMI203": "the weights do not fit into the GPUs",
    "LMI204": "the weights do not fit on the disk",
    "LMI205": "the instance type cannot host this container",
    "LMI206": "custom all-reduce needs GPUs joined by NVLink",
    "LMI207": "more copies of the model than one",
    "LMI208": "more requests at once than sequences in flight",
    "LMI209": "a timeout beyond what SageMaker waits",
    "LMI210": "too little host memory to compile an engine",
    "LMI301": "a raw option that the container does not know",
    "LMI302": "a raw option that another part of the profile decides",
    "LMI303": "a raw option that the chosen backend does not read",
    "LMI304": "a value that the two readers of serving.properties take differently",
    "LMI305": "a raw option that changes how many copies of the model run",
    "LMI401": "lengths beyond the model's positions",
    "LMI402": "a gated model that the container cannot download",
    "LMI403": "a fact is missing, so a rule could not be checked",
    "LMI501": "two hardware profiles with one endpoint name",
    "LMI404": "a model that runs its own code, unasked or from an unpinned revision",
}
"""Every finding's code and what it stands for."""


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file a user wrote; line and column count from 1, and 0 means none."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


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

    def __str__(self) -> str:
        subject = f"{self.key}: " if self.key else ""
        text = f"{self.severity}[{self.code}] {self.place}: {subject}{self.problem}"
        return text if self.fix is None else f"{text}\n  fix: {self.fix}"


class ProfileError(InputError):
    """A profile has problems; all that could be found are in `findings`."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def errors_among(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that stop a deployment."""
    return tuple(finding for finding in findings if finding.severity == "error")
