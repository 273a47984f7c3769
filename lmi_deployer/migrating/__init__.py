"""Takes a profile file from one LMI version to another, up or down.

Pure: text in, text out, with every change, its reason, and what stands in the way. Profiles speak
of settings by our own names, so most of what the versions call differently needs no change at all;
what is left is which backend serves, what nothing reads any more, and what held without being said.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from lmi_deployer import catalog, checks
from lmi_deployer.errors import InputError
from lmi_deployer.findings import Finding, errors_among
from lmi_deployer.hardware import LoadedProfile, load_profile, merge
from lmi_deployer.migrating.draft import Draft
from lmi_deployer.migrating.hardware import carry, outcome
from lmi_deployer.migrating.layers import Layers
from lmi_deployer.migrating.outcome import Carried, KeyChange, Migration, Note, Refusal
from lmi_deployer.migrating.rewriting import Rewriting
from lmi_deployer.nearest import did_you_mean
from lmi_deployer.profile_text import EditError
from lmi_deployer.resolve import resolve

__all__ = ["Carried", "KeyChange", "Migration", "Note", "Refusal", "migrate", "unreadable"]


def migrate(
    text: str,
    name: str,
    to_version: str,
    *,
    only: Collection[str] = (),
    drops: Iterable[str] = (),
) -> Migration:
    """What moving a profile to another version comes to.

    `name` is the file's, for errors; `only` are the hardware profiles that move, all when empty;
    `drops` are keys whose loss is agreed to. Raises ProfileError for a text that is no profile, and
    InputError for an unknown version or hardware profile.
    """
    target = catalog.container(to_version)
    loaded = load_profile(text, name)
    layers = Layers(loaded)
    agreed = frozenset(drops)
    drafts: dict[str, Draft] = {}
    refusals: list[Refusal] = []
    selected = _selected(loaded, only)
    for hardware in selected:
        merged = merge(loaded, hardware)
        if merged.get("container.version") == to_version:
            continue
        draft, problems = carry(merged, layers.effective(hardware), target, agreed)
        refusals += problems
        if draft is not None:
            drafts[hardware] = draft
    after = text
    if drafts and not refusals:
        is_partial = len(selected) < len(loaded.hardware_names)
        rewriting = Rewriting(loaded, layers, drafts, is_partial=is_partial)
        try:
            after = rewriting.text(text)
        except EditError as error:
            refusals = [
                Refusal(hardware=None, key="the file", problem=error.problem, fix=error.fix)
            ]
        else:
            refusals = _verify(load_profile(after, name), rewriting, drafts)
    return Migration(
        name=name,
        to_version=to_version,
        before=text,
        after=text if refusals else after,
        carried=tuple(outcome(draft) for draft in drafts.values()),
        refusals=tuple(refusals),
    )


def unreadable(text: str, name: str, to_version: str, findings: Iterable[Finding]) -> Migration:
    """A file that is no valid profile, as one that cannot be moved."""
    return Migration(
        name=name,
        to_version=to_version,
        before=text,
        after=text,
        refusals=tuple(
            Refusal(
                hardware=None,
                key=finding.key or "the file",
                problem=f"{finding.problem} ({finding.code} at {finding.place})",
                fix=finding.fix,
            )
            for finding in findings
        ),
    )


def _selected(loaded: LoadedProfile, only: Collection[str]) -> tuple[str, ...]:
    """The hardware profiles to move, in the order of the file."""
    for wanted in only:
        if wanted not in loaded.hardware_names:
            problem = f"{loaded.profile.name} has no hardware profile {wanted!r}"
            raise InputError(problem, fix=did_you_mean(wanted, loaded.hardware_names))
    return tuple(item for item in loaded.hardware_names if not only or item in only)


def _verify(
    loaded: LoadedProfile, rewriting: Rewriting, drafts: Mapping[str, Draft]
) -> list[Refusal]:
    """What is wrong with the new text: the last look before anybody writes it."""
    if not rewriting.is_done_by(loaded):
        problem = "the sections that share its settings cannot be changed for some of them only"
        fix = "write the settings into the hardware profiles first"
        hardware = next(iter(drafts))
        return [Refusal(hardware=hardware, key="container.version", problem=problem, fix=fix)]
    return [
        Refusal(
            hardware=hardware,
            key=finding.key or "container.version",
            problem=finding.problem,
            fix=finding.fix,
        )
        for hardware in drafts
        for finding in errors_among(checks.check(resolve(merge(loaded, hardware))))
    ]
