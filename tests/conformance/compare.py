"""Whether `lmi-deploy lint` says of settings what the server's own code says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from lmi_deployer import catalog, lint
from lmi_deployer.model_facts import from_catalog
from lmi_deployer.settings.values import as_number
from lmi_deployer.written import Written
from tests.conformance.cases import MODEL_ID, Case
from tests.conformance.classify import Verdict
from tests.conformance.server_table import Table, load_table

A100 = "ml.p4d.24xlarge"


class Finding(Protocol):
    """What a finding of lint has to tell."""

    @property
    def severity(self) -> str:
        """error, warning or note."""

    @property
    def key(self) -> str | None:
        """The key as written, or None."""

    @property
    def message(self) -> str:
        """What is wrong and what to do about it."""


@dataclass(frozen=True)
class Said:
    """A finding of lint, reduced to what is compared."""

    severity: str
    key: str | None
    message: str


@cache
def _target(version: str, flavor: str, devices: int) -> lint.Target:
    """The image on a machine with that many devices of a kind that every backend is for."""
    model = catalog.find_model(MODEL_ID)
    assert model is not None
    instance_type = "ml.inf2.xlarge" if flavor == "neuronx" else A100
    target = lint.make_target(version, flavor, instance_type, from_catalog(model))
    assert target.instance is not None
    assert target.gpu is not None
    count = max(1, devices // (target.gpu.neuron_cores or 1))
    return replace(target, instance=target.instance.model_copy(update={"gpu_count": count}))


def ask_lint(
    version: str, flavor: str, properties: Mapping[str, str], gpus: int
) -> Sequence[Finding]:
    """Lint's findings on the settings of one serving.properties file.

    `gpus` counts the devices of the machine: GPUs, or NeuronCores for the flavor neuronx.
    """
    written = Written(name="serving.properties", properties=properties)
    found = lint.lint(written, _target(version, flavor, gpus)).findings
    return [Said(item.severity, item.key, item.problem) for item in found]


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """One thing on which lint and the server differ."""

    case: Case
    key: str
    expected: str
    """What the server does with the key."""
    got: str
    """What lint says of it."""


def disagreements(
    case: Case, verdict: Verdict, findings: Sequence[Finding]
) -> Iterator[Disagreement]:
    """Where findings and verdict differ.

    A rejection needs an error. A key that is ignored or replaced needs an error or a warning about
    it, and one that is replaced a word of the replacement. Everything else must have no error,
    unless the library behind LMI has the last word on the key.
    """
    errors = [finding for finding in findings if finding.severity == "error"]
    if verdict.is_rejected:
        if not errors:
            blamed = [f"option.{name}" for name in verdict.blamed] or sorted(case.changes)
            yield Disagreement(case=case, key=" ".join(blamed), expected="rejected", got="no error")
        return
    for key, value in verdict.changed.items():
        got = _missing_word(key, value, findings)
        if got is not None:
            expected = "ignored" if value is None else f"replaced by {value}"
            yield Disagreement(case=case, key=key, expected=expected, got=got)
    excused = {*verdict.changed, *verdict.handed_on}
    excused |= load_table().judged_elsewhere_in(case.version, case.backend, case.properties)
    for finding in errors:
        if finding.key not in excused:
            key = finding.key or "(no key)"
            yield Disagreement(case=case, key=key, expected="accepted", got="an error")


def _missing_word(key: str, value: str | None, findings: Sequence[Finding]) -> str | None:
    """What lint should have said of a key and did not; None when it has said it."""
    about = [f for f in findings if f.key == key and f.severity in {"error", "warning"}]
    if not about:
        return "no error or warning"
    if value is None:
        return None
    if not any(_names(finding.message, value) for finding in about):
        return "a finding that does not name the replacement"
    return None


def _names(message: str, value: str) -> bool:
    """Whether a message has a value, which the file may spell otherwise where it is a number."""
    number = as_number(value)
    words = () if number is None else message.split()
    return value in message or any(as_number(word.strip(",;")) == number for word in words)


@dataclass
class Tally:
    """How many cases of one version and backend agree."""

    cases: int = 0
    agreeing: int = 0


@dataclass
class Group:
    """Disagreements of one kind, in every version that has them."""

    backend: str
    key: str
    expected: str
    got: str
    cases: dict[str, list[Case]] = field(default_factory=lambda: defaultdict(list))
    """Version -> cases."""

    def versions(self, table: Table) -> str:
        """The versions as ranges, in the way the catalog writes them."""
        return ranges(table.order, self.cases)

    def count(self) -> int:
        """How many cases it is about."""
        return sum(map(len, self.cases.values()))

    def shortest(self) -> Case:
        """The case with the fewest settings."""
        every = (case for cases in self.cases.values() for case in cases)
        return min(every, key=lambda case: (len(case.changes), str(case.changes)))


@dataclass
class Comparison:
    """The outcome of comparing many cases."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    """(version, backend) -> how many agree."""
    groups: dict[tuple[str, str, str, str], Group] = field(default_factory=dict)

    def add(self, case: Case, verdict: Verdict, findings: Sequence[Finding]) -> None:
        """Count one case."""
        found = list(disagreements(case, verdict, findings))
        tally = self.tallies[case.version, case.backend]
        tally.cases += 1
        tally.agreeing += not found
        for one in found:
            kind = (case.backend, one.key, one.expected, one.got)
            group = self.groups.setdefault(kind, Group(*kind))
            group.cases[case.version].append(case)

    def worst_first(self) -> list[Group]:
        """The groups with the most cases first."""
        return sorted(self.groups.values(), key=lambda group: (-group.count(), group.key))


def compare(pairs: Iterable[tuple[Case, Verdict]]) -> Comparison:
    """Ask lint about every case."""
    comparison = Comparison()
    for case, verdict in pairs:
        findings = ask_lint(case.version, case.flavor, case.properties, case.devices)
        comparison.add(case, verdict, findings)
    return comparison


def ranges(order: Sequence[str], versions: Iterable[str]) -> str:
    """Versions as ranges: `0.25.0..0.27.0, 0.30.0`.

    >>> ranges(("1", "2", "3", "4"), {"1", "2", "4"})
    '1..2, 4'
    """
    runs: list[list[int]] = []
    for position in sorted(order.index(version) for version in versions):
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    names = (dict.fromkeys((order[run[0]], order[run[-1]])) for run in runs)
    return ", ".join("..".join(name) for name in names)
